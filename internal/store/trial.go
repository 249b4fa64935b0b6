package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/statement"
)

// Candidate is a btree index that might help.
type Candidate struct {
	Schema, Table string
	Columns       []string
}

// Definition is the statement that builds it, beside what goes on.
func (c Candidate) Definition() string {
	return "CREATE INDEX CONCURRENTLY ON " + c.table() + " " + c.columns()
}

func (c Candidate) table() string { return pgx.Identifier{c.Schema, c.Table}.Sanitize() }

func (c Candidate) columns() string {
	names := make([]string, len(c.Columns))
	for i, name := range c.Columns {
		names[i] = pgx.Identifier{name}.Sanitize()
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// How an index was tried.
const (
	TriedHypothetical = "hypopg"       // the planner was told of an index that is not there
	TriedScratch      = "scratch_copy" // it was built on a copy of some rows
)

// TrialStatement is a statement that a candidate is tried on.
type TrialStatement struct {
	Fingerprint int64
	Text        string
}

// TrialCost is what a candidate would change for a statement, in the planner's
// units.
type TrialCost struct {
	Fingerprint   int64
	Before, After float64
	Used          bool   // the planner takes the index
	Refused       string // why it could not be tried
}

// Trial is what became of a candidate.
type Trial struct {
	Method     string
	Bytes      *int64 // estimated size of the index
	SampleRows int64  // of the scratch copy; 0 for a hypothetical index
	TableRows  int64  // as estimated
	Costs      []TrialCost
	Refused    string // why nothing could be tried
}

// HypoPG says whether the extension hypopg is there.
func (s *Store) HypoPG(ctx context.Context) (Figures, error) {
	found := Figures{Available: true}
	err := s.look(ctx, "store.HypoPG", func(ctx context.Context, tx pgx.Tx) error {
		schema, err := extension(ctx, tx, "hypopg")
		if schema == "" {
			found = missing(noHypoPG)
		}
		return err
	})
	return found, err
}

const noHypoPG = "The extension hypopg is not installed in this database."

// TryHypothetical asks the planner what it would do if the index were there, by
// the extension hypopg. Nothing is built; what the extension remembers ends
// with the call.
func (s *Store) TryHypothetical(ctx context.Context, c Candidate, statements []TrialStatement) (Trial, error) {
	trial := Trial{Method: TriedHypothetical}
	err := s.look(ctx, "store.TryHypothetical", func(ctx context.Context, tx pgx.Tx) error {
		trial = Trial{Method: TriedHypothetical}
		schema, err := extension(ctx, tx, "hypopg")
		if err != nil {
			return err
		}
		if schema == "" {
			trial.Refused = noHypoPG
			return nil
		}
		planner, err := newPlanner(ctx, tx)
		if err != nil {
			return err
		}
		if err := planner.costs(ctx, statements, nil, &trial.Costs); err != nil {
			return err
		}
		trial.Refused, err = attempt(ctx, tx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `
				SELECT `+schema+`.hypopg_relation_size(h.indexrelid), greatest(c.reltuples, 0)::bigint
				FROM `+schema+`.hypopg_create_index($1) h, pg_class c WHERE c.oid = $2::regclass`,
				"CREATE INDEX ON "+c.table()+" "+c.columns(), c.table()).Scan(&trial.Bytes, &trial.TableRows)
		})
		if err != nil || trial.Refused != "" {
			return err
		}
		after := make([]TrialCost, 0, len(statements))
		err = planner.costs(ctx, statements, usesHypothetical, &after)
		if _, undone := tx.Exec(ctx, `SELECT `+schema+`.hypopg_reset()`); undone != nil {
			return errors.Join(err, undone)
		}
		for i := range after {
			trial.Costs[i].After, trial.Costs[i].Used = after[i].Before, after[i].Used
		}
		return err
	})
	return trial, err
}

// costs explains the statements and appends what they cost.
func (p *planner) costs(ctx context.Context, statements []TrialStatement, uses func(node planNode) bool, to *[]TrialCost) error {
	for _, one := range statements {
		cost := TrialCost{Fingerprint: one.Fingerprint, Refused: notExplainable}
		if statement.Explainable(one.Text) {
			explained, err := p.explain(ctx, one.Text)
			if err != nil {
				return err
			}
			cost.Before, cost.Refused = explained.Cost, explained.Refused
			if uses != nil && explained.Refused == "" {
				if cost.Used, err = anyNode(explained.Plan, uses); err != nil {
					return err
				}
			}
		}
		*to = append(*to, cost)
	}
	return nil
}

// planNode is what a trial looks for in a plan.
type planNode struct {
	IndexName string `json:"Index Name"`
	Schema    string `json:"Schema"`
	Relation  string `json:"Relation Name"`
	Plans     []planNode
}

// usesHypothetical knows hypopg's names, as <13502>btree_table_column.
func usesHypothetical(node planNode) bool { return strings.HasPrefix(node.IndexName, "<") }

func anyNode(plan json.RawMessage, holds func(planNode) bool) (bool, error) {
	var top struct{ Plan planNode }
	if err := json.Unmarshal(plan, &top); err != nil {
		return false, err
	}
	return top.Plan.any(holds), nil
}

func (n planNode) any(holds func(planNode) bool) bool {
	if holds(n) {
		return true
	}
	for _, below := range n.Plans {
		if below.any(holds) {
			return true
		}
	}
	return false
}

const (
	// scratchRows and scratchBytes bound the copy that an index is tried on. At
	// 20,000 rows the planner's choice is that for a large table, and the copy
	// costs some tenths of a second.
	scratchRows  = 20_000
	scratchBytes = 32 << 20
)

// errUndo ends a transaction whose work is not wanted.
var errUndo = errors.New("undone on purpose")

// TryScratch builds the index on a copy of some of the table's rows: a temporary
// table under the table's name, which exists within one transaction that is
// always rolled back, so that nobody else ever sees it and a crash leaves
// nothing. It costs reading up to 20,000 rows or 32 MB of the table, writing
// them to the session's temporary files without WAL, an ANALYZE of the copy and
// the index; other sessions are kept from changing the table's structure
// meanwhile, and from nothing else.
//
// The gain is that on the copy, applied to the cost on the real table. A larger
// table gains more than its sample, so that the figure is on the safe side.
func (s *Store) TryScratch(ctx context.Context, c Candidate, statements []TrialStatement) (Trial, error) {
	trial := Trial{Method: TriedScratch}
	err := s.transact(ctx, "store.TryScratch", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) (err error) {
		trial = Trial{Method: TriedScratch}
		planner, err := newPlanner(ctx, tx)
		if err != nil {
			return err
		}
		if err := planner.costs(ctx, statements, nil, &trial.Costs); err != nil {
			return err
		}
		trial.Refused, err = attempt(ctx, tx, func(tx pgx.Tx) error {
			return copySample(ctx, tx, c, &trial)
		})
		if err == nil && trial.Refused == "" {
			err = planner.tryOnCopy(ctx, c, statements, &trial)
		}
		return errors.Join(err, errUndo)
	})
	if onlyUndone(err) {
		err = nil
	}
	return trial, err
}

// onlyUndone reports whether a transaction was rolled back for no other reason
// than that it was meant to be.
func onlyUndone(err error) bool {
	for err != nil {
		if joined, several := err.(interface{ Unwrap() []error }); several {
			return len(joined.Unwrap()) == 1 && joined.Unwrap()[0] == errUndo //nolint:errorlint // the very one
		}
		if err == errUndo { //nolint:errorlint // the very one
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// copySample makes the copy with the table's own indexes on it.
func copySample(ctx context.Context, tx pgx.Tx, c Candidate, trial *Trial) error {
	var rows, bytes int64
	err := tx.QueryRow(ctx, `SELECT reltuples::bigint, pg_table_size(oid) FROM pg_class WHERE oid = $1::regclass`, c.table()).Scan(&rows, &bytes)
	if err != nil {
		return err
	}
	if rows <= 0 {
		trial.Refused = "The table has no statistics yet."
		return nil
	}
	trial.TableRows = rows
	wanted := min(scratchRows, max(1000, scratchBytes/max(1, bytes/rows)))
	sample := ""
	if rows > wanted {
		// A fifth more than wanted: pages differ in how full they are.
		sample = fmt.Sprintf(` TABLESAMPLE SYSTEM (%g) REPEATABLE (1)`, min(100, 120*float64(wanted)/float64(rows)))
	}
	name := pgx.Identifier{c.Table}.Sanitize()
	if _, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE `+name+` (LIKE `+c.table()+` INCLUDING INDEXES) ON COMMIT DROP`); err != nil {
		return err
	}
	copied, err := tx.Exec(ctx, `INSERT INTO pg_temp.`+name+` SELECT * FROM `+c.table()+sample+` LIMIT `+fmt.Sprint(wanted))
	if err != nil {
		return err
	}
	trial.SampleRows = copied.RowsAffected()
	_, err = tx.Exec(ctx, `ANALYZE pg_temp.`+name)
	return err
}

// scratchIndex is the name of the index on the copy.
const scratchIndex = "skyledger_trial"

func (p *planner) tryOnCopy(ctx context.Context, c Candidate, statements []TrialStatement, trial *Trial) error {
	onCopy := make([]TrialStatement, len(statements))
	for i, one := range statements {
		onCopy[i] = TrialStatement{one.Fingerprint, statement.Elsewhere(one.Text, c.Schema, c.Table, "pg_temp")}
	}
	reached := func(node planNode) bool { return node.Relation == c.Table && strings.HasPrefix(node.Schema, "pg_temp") }
	var before, after []TrialCost
	if err := p.costs(ctx, onCopy, reached, &before); err != nil {
		return err
	}
	var sampleBytes int64
	var err error
	trial.Refused, err = attempt(ctx, p.tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE INDEX `+scratchIndex+` ON pg_temp.`+pgx.Identifier{c.Table}.Sanitize()+` `+c.columns())
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT pg_relation_size('pg_temp.`+scratchIndex+`'::regclass)`).Scan(&sampleBytes)
	})
	if err != nil || trial.Refused != "" {
		return err
	}
	if err := p.costs(ctx, onCopy, func(node planNode) bool { return node.IndexName == scratchIndex }, &after); err != nil {
		return err
	}
	bytes := int64(float64(sampleBytes) * max(1, float64(trial.TableRows)/float64(max(1, trial.SampleRows))))
	trial.Bytes = &bytes
	for i := range trial.Costs {
		cost := &trial.Costs[i]
		switch {
		case cost.Refused != "":
		case before[i].Refused != "":
			cost.Refused = before[i].Refused
		case !before[i].Used:
			cost.Refused = "The statement reaches the table through a view, past the scratch copy."
		default:
			cost.Used = after[i].Used
			cost.After = cost.Before * after[i].Before / max(before[i].Before, 1e-9)
		}
	}
	return nil
}
