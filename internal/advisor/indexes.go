package advisor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// The verdicts on an index.
const (
	Recommended = "recommended" // build it
	NotWorth    = "rejected"    // it was tried and does not pay
	Unused      = "unused"      // nobody read it
	Duplicate   = "duplicate"   // another is the same
	Redundant   = "redundant"   // another begins with its columns
	Bloated     = "bloated"     // build it anew
	Invalid     = "invalid"     // its building was cut off
)

// IndexAdvice is what to do about an index, there or not.
type IndexAdvice struct {
	Verdict     string     `json:"verdict" enum:"recommended,rejected,unused,duplicate,redundant,bloated,invalid"`
	Schema      string     `json:"schema"`
	Table       string     `json:"table"`
	Index       *string    `json:"index" doc:"its name; null for one that is not there"`
	Columns     []string   `json:"columns" doc:"of the key, in order; an empty one is an expression"`
	Definition  string     `json:"definition" doc:"the SQL that builds it"`
	Action      *string    `json:"action" doc:"the SQL to run; null when there is nothing to do, or not yet"`
	Reason      string     `json:"reason" doc:"why, with the figures"`
	Bytes       *int64     `json:"bytes" doc:"size; estimated for one that is not there, too high where many keys are equal, which PostgreSQL keeps together"`
	BloatBytes  *int64     `json:"bloat_bytes" doc:"more than its entries need, estimated; null when unknown"`
	Scans       *int64     `json:"scans" doc:"times it was read since counters_since; null for one that is not there"`
	LastScan    *time.Time `json:"last_scan" doc:"null when never or unknown; PostgreSQL 16 and later know"`
	Writes      *int64     `json:"writes" doc:"entries that the table's writes cost each of its indexes since counters_since"`
	WritesPerH  *float64   `json:"writes_per_hour" doc:"the same an hour; null when it is unknown since when"`
	Method      *string    `json:"method" doc:"how it was tried: hypopg as a hypothetical index, scratch_copy built on a copy of some rows; null for one that is there"`
	Tested      *time.Time `json:"tested" doc:"when it was tried"`
	CostBefore  *float64   `json:"cost_before" doc:"planner's cost of the statement it helps most"`
	CostAfter   *float64   `json:"cost_after"`
	EvidenceFor []Evidence `json:"evidence" doc:"statement by statement what it would change; empty for one that is there"`
}

// IndexReport is all of it.
type IndexReport struct {
	At            time.Time  // of the look that tried; zero when there was none yet
	CountersSince *time.Time // how long scans and writes have been counted; nil: since the database was made
	Sources       Sources
	Indexes       []IndexAdvice
}

// Indexes reads what the last look tried, and what the catalogue says of the
// indexes there are.
func (a *Advisor) Indexes(ctx context.Context) (IndexReport, error) {
	last, err := a.database.LastLook(ctx)
	if err != nil {
		return IndexReport{}, err
	}
	catalogue, err := a.database.Catalogue(ctx)
	if err != nil {
		return IndexReport{}, err
	}
	report := IndexReport{At: last.At, CountersSince: utc(since(&catalogue)), Indexes: []IndexAdvice{}}
	if report.Sources, err = sourcesOf(&last); err != nil {
		return report, err
	}
	for i := range last.Advice {
		row := &last.Advice[i]
		if served(store.Candidate{Schema: row.Schema, Table: row.Table, Columns: row.Columns}, catalogue.Indexes) {
			continue // somebody built it since
		}
		advice, err := tried(row, a.clock())
		if err != nil {
			return report, err
		}
		report.Indexes = append(report.Indexes, advice)
	}
	report.Indexes = append(report.Indexes, there(&catalogue, a.clock())...)
	return report, nil
}

func tried(row *store.AdviceRow, now time.Time) (IndexAdvice, error) {
	advice := IndexAdvice{
		Verdict: NotWorth, Schema: row.Schema, Table: row.Table, Columns: row.Columns, Definition: row.Definition,
		Reason: row.Reason, Bytes: row.Bytes, Writes: row.Writes, WritesPerH: perHour(row.Writes, row.WritesSince, now),
		Method: &row.Method, Tested: utc(&row.Tested),
	}
	if row.Recommended {
		advice.Verdict, advice.Action = Recommended, &row.Definition
	}
	err := json.Unmarshal(row.Evidence, &advice.EvidenceFor)
	best := 0.0
	for i := range advice.EvidenceFor {
		one := &advice.EvidenceFor[i]
		if saved := one.CostBefore - one.CostAfter; one.Refused == nil && (saved > best || advice.CostBefore == nil) {
			best, advice.CostBefore, advice.CostAfter = saved, &one.CostBefore, &one.CostAfter
		}
	}
	return advice, err
}

func perHour(n *int64, since *time.Time, now time.Time) *float64 {
	if n == nil || since == nil {
		return nil
	}
	return ratio(float64(*n), now.Sub(*since).Hours())
}

// there is what is wrong with the indexes there are.
func there(catalogue *store.Catalogue, now time.Time) []IndexAdvice {
	known := tablesOf(catalogue)
	list := []IndexAdvice{}
	for i := range catalogue.Indexes {
		index := &catalogue.Indexes[i]
		verdict, reason := verdictOn(index, catalogue)
		if verdict == "" {
			continue
		}
		drop := "DROP INDEX CONCURRENTLY " + quoted(index.Schema, index.Name)
		if verdict == Bloated {
			drop = store.ReindexStatement(index.Schema, index.Name)
		}
		advice := IndexAdvice{
			Verdict: verdict, Schema: index.Schema, Table: index.Table, Index: &index.Name, Columns: index.Columns, Definition: index.Definition,
			Action: &drop, Reason: reason, Bytes: &index.Bytes, BloatBytes: index.BloatBytes, Scans: &index.Scans, LastScan: utc(index.LastScan),
			EvidenceFor: []Evidence{},
		}
		if verdict == Unused && !watched(catalogue, now) {
			advice.Action = nil
			advice.Reason += " That is not long enough to drop it: some things are done once a week."
		}
		if table := known[[2]string{index.Schema, index.Table}]; table != nil {
			writes := table.Inserted + table.Updated - table.HotUpdated
			advice.Writes, advice.WritesPerH = &writes, perHour(&writes, since(catalogue), now)
		}
		list = append(list, advice)
	}
	return list
}

func quoted(names ...string) string {
	for i, name := range names {
		names[i] = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return strings.Join(names, ".")
}

// verdictOn says what is wrong with an index; "" for nothing. One that a rule
// of the table needs stays whether it is read or not, and so does a part of a
// partitioned table's index: that old days are not read says nothing of it.
func verdictOn(index *store.IndexState, catalogue *store.Catalogue) (verdict, reason string) {
	needed := index.Unique || index.Constraint || index.Replica || index.Partition
	if !index.Valid && !index.Partition {
		return Invalid, "Its building was cut off: it costs every write and helps nobody."
	}
	if !needed {
		if other, equal := covering(index, catalogue.Indexes); other != nil && equal {
			return Duplicate, fmt.Sprintf("%s is the same, column by column.", other.Name)
		} else if other != nil {
			return Redundant, fmt.Sprintf("%s begins with the same columns, and serves what this one does.", other.Name)
		}
		if index.Scans == 0 {
			return Unused, "Nobody read it " + counted(catalogue) + ", and every write pays for it."
		}
	}
	if b := index.BloatBytes; b != nil && *b >= bloatedBytes && float64(*b) >= bloatedShare*float64(index.Bytes) {
		return Bloated, fmt.Sprintf("About %s of its %s hold nothing.", size(*b), size(index.Bytes))
	}
	return "", ""
}

// longEnough is how long an index must go unread before anybody should drop it.
const longEnough = 8 * 24 * time.Hour

// watched reports whether the counters are known to have run for longEnough.
// They survive a restart of the server, so that where nobody knows when they
// began they are at least as old as its last start.
func watched(catalogue *store.Catalogue, now time.Time) bool {
	began := catalogue.ServerStarted
	if catalogue.StatsReset != nil {
		began = *catalogue.StatsReset
	}
	return now.Sub(began) >= longEnough
}

// counted says how long scans have been counted.
func counted(catalogue *store.Catalogue) string {
	if catalogue.StatsReset == nil {
		return "since the database was made, or last crashed"
	}
	return "since the counters began at " + catalogue.StatsReset.UTC().Format("2006-01-02 15:04Z")
}

// covering finds another index that does all that this one does. Of two that
// are the same, the one that nothing needs goes; of two of those, the one that
// is read less.
func covering(index *store.IndexState, all []store.IndexState) (other *store.IndexState, equal bool) {
	for i := range all {
		candidate := &all[i]
		if candidate.Name == index.Name || candidate.Schema != index.Schema || candidate.Table != index.Table ||
			candidate.Method != index.Method || !candidate.Valid || candidate.Predicate != index.Predicate || candidate.Expressions != index.Expressions {
			continue
		}
		if len(index.Included) > 0 && !slices.Equal(index.Included, candidate.Included) {
			continue
		}
		if len(candidate.Columns) == len(index.Columns) && slices.Equal(candidate.Columns, index.Columns) && candidate.Order == index.Order {
			needed := candidate.Unique || candidate.Constraint || candidate.Replica
			if needed || candidate.Scans > index.Scans || candidate.Scans == index.Scans && candidate.Name < index.Name {
				return candidate, true
			}
			continue
		}
		if index.Method == "btree" && len(candidate.Columns) > len(index.Columns) && index.Expressions == "" && !slices.Contains(index.Columns, "") &&
			slices.Equal(candidate.Columns[:len(index.Columns)], index.Columns) && begins(candidate.Order, index.Order) {
			other = candidate
		}
	}
	return other, false
}

// begins reports whether an index's operator classes, collations and directions
// begin with another's.
func begins(long, short string) bool {
	left, right := strings.Split(long, ";"), strings.Split(short, ";")
	for i := range right {
		if i >= len(left) || !strings.HasPrefix(left[i]+" ", right[i]+" ") {
			return false
		}
	}
	return true
}
