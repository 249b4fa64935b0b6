package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// The model is a projector as small as can be: what the properties compare the
// store with, or drive it with.

// presence is one member in one snapshot. Value stands for everything about a
// session that may change: plan, frequency and position.
type presence struct {
	Member int32
	Value  int32
}

type snapshot struct {
	At      time.Time
	Present []presence // by member
}

// key returns the session of a member: every third is a controller, every
// seventh a prefile.
func (p presence) key() SessionKey {
	key := pilotKey(p.Member)
	switch {
	case p.Member%7 == 6:
		key.Kind, key.Logon = vatsim.KindPrefile, time.Time{}
	case p.Member%3 == 2:
		key.Kind = vatsim.KindController
	}
	return key
}

// project computes what a snapshot changes. A snapshot with less than half the
// rows of the last accepted one is held, twice in a row at most.
func project(state State, s snapshot) Changes {
	c := changes(state.Head, s.At)
	suspicious := 2*len(s.Present) < state.Head.PilotCount && state.Head.HeldCount < 2
	c.Snapshot.Suspicious = suspicious
	c.Snapshot.Pilots = len(s.Present)
	if suspicious {
		c.Head.HeldCount++
		if c.Head.HeldSince.IsZero() {
			c.Head.HeldSince = state.Head.Snapshot
		}
	} else {
		c.Head.HeldSince, c.Head.HeldCount, c.Head.PilotCount = time.Time{}, 0, len(s.Present)
	}
	present := map[int64]presence{}
	for _, p := range s.Present {
		present[SessionID(p.key())] = p
	}
	for _, open := range state.Open {
		if _, here := present[open.ID]; here {
			if !open.AbsentSince.IsZero() {
				c.Returned = append(c.Returned, ReturnedSession{ID: open.ID, Since: open.AbsentSince, Until: s.At})
			}
			continue
		}
		gone := ClosedSession{ID: open.ID, At: state.Head.Snapshot}
		switch {
		case suspicious && open.AbsentSince.IsZero():
			c.Hidden = append(c.Hidden, gone)
		case !suspicious:
			if !open.AbsentSince.IsZero() {
				gone.At = open.AbsentSince
			}
			c.Closed = append(c.Closed, gone)
		}
	}
	projectPresent(&c, state, s)
	return c
}

func projectPresent(c *Changes, state State, s snapshot) {
	known := map[int64]OpenSession{}
	for _, open := range state.Open {
		known[open.ID] = open
	}
	for _, p := range s.Present {
		id := SessionID(p.key())
		open, isOpen := known[id]
		if !isOpen {
			c.Opened = append(c.Opened, opened(p.key(), s.At))
		}
		revision := int64(p.Value / 3)
		switch p.key().Kind {
		case vatsim.KindController:
			if frequency := 118000 + int32(revision); frequency != open.Frequency {
				c.Frequencies = append(c.Frequencies, FrequencyRevision{SessionID: id, Since: s.At, Frequency: frequency})
			}
		default:
			if revision != open.PlanHash {
				c.Plans = append(c.Plans, PlanRevision{SessionID: id, Since: s.At, Hash: revision})
			}
		}
	}
	c.Positions = frameOf(s)
}

func frameOf(s snapshot) Frame {
	pilots := []presence{}
	for _, p := range s.Present {
		if p.key().Kind == vatsim.KindPilot {
			pilots = append(pilots, p)
		}
	}
	pilots = sorted(pilots, func(p presence) int64 { return SessionID(p.key()) })
	return Frame{
		SessionID:   column(pilots, func(p presence) int64 { return SessionID(p.key()) }),
		Latitude:    column(pilots, func(p presence) int32 { return 100 * p.Value }),
		Longitude:   column(pilots, func(p presence) int32 { return -300*p.Value + 7 }),
		Altitude:    column(pilots, func(p presence) int32 { return 50 * p.Value }),
		Groundspeed: column(pilots, func(p presence) int16 { return int16(p.Value) }),
		Heading:     column(pilots, func(p presence) int16 { return int16(p.Value % 360) }),
		Squawk:      column(pilots, func(p presence) int16 { return int16(p.Value - 1) }),
	}
}

// positionsOf is what skyledger.position must show of the snapshots.
func positionsOf(snapshots []snapshot) []string {
	rows := []string{}
	for _, s := range snapshots {
		for _, p := range s.Present {
			if key := p.key(); key.Kind == vatsim.KindPilot {
				rows = append(rows, fmt.Sprint(s.At.UnixMicro(), key.CID, key.Callsign, float64(100*p.Value)/1e5, float64(-300*p.Value+7)/1e5,
					50*p.Value, p.Value, p.Value%360, SessionID(key)))
			}
		}
	}
	return rows
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

func check(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// viewRows reads skyledger.position, or a function like it, in the order of
// positionsOf.
func viewRows(ctx context.Context, t fataler, conn *pgx.Conn, from string) []string {
	t.Helper()
	rows, err := conn.Query(ctx, `SELECT time, cid, callsign, lat, lon, altitude, groundspeed, heading, session_id FROM `+from+` ORDER BY time, cid`)
	check(t, err)
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var at time.Time
		var cid, altitude int32
		var callsign string
		var lat, lon float64
		var groundspeed, heading int16
		var id int64
		err := row.Scan(&at, &cid, &callsign, &lat, &lon, &altitude, &groundspeed, &heading, &id)
		return fmt.Sprint(at.UnixMicro(), cid, callsign, lat, lon, altitude, groundspeed, heading, id), err
	})
	check(t, err)
	return got
}

// commitAll loads the state and commits one snapshot after the other.
func commitAll(ctx context.Context, t fataler, s *Store, snapshots []snapshot) {
	t.Helper()
	for _, next := range snapshots {
		state, err := s.LoadState(ctx)
		check(t, err)
		check(t, s.Commit(ctx, project(state, next)))
	}
}

// derived are the tables that a rebuild must give again, with the columns that
// depend on when something was done left out.
func derived() []string {
	return []string{
		"(SELECT snapshot, held_since, held_count, pilot_count FROM head)",
		"(SELECT (to_jsonb(s) - 'no')::text FROM snapshots s)",
		"sessions", "session_gaps", "flight_plans", "frequencies", "atis_texts", "stations",
	}
}

func dump(ctx context.Context, t fataler, conn *pgx.Conn, tables []string) string {
	t.Helper()
	var text strings.Builder
	for _, table := range tables {
		var rows string
		check(t, conn.QueryRow(ctx, `SELECT coalesce(string_agg(row::text, E'\n' ORDER BY row::text COLLATE "C"), '') FROM `+table+` row`).Scan(&rows))
		fmt.Fprintf(&text, "%s:\n%s\n", table, rows)
	}
	return text.String()
}

// wipe empties the tables for the next example of a property.
func wipe(ctx context.Context, t fataler, conn *pgx.Conn) {
	t.Helper()
	_, err := conn.Exec(ctx, `DELETE FROM snapshots; DELETE FROM ticks; DELETE FROM sessions; DELETE FROM session_gaps;
		DELETE FROM flight_plans; DELETE FROM frequencies; DELETE FROM position_frames; DELETE FROM position_chunks;
		UPDATE head SET version = 0, snapshot = NULL, held_since = NULL, held_count = 0, pilot_count = 0`)
	check(t, err)
}

// drawSnapshots makes up a history: members come, go and return, most values
// stay as they are, sometimes nearly everybody is gone for a snapshot or two.
func drawSnapshots(t *rapid.T, most int, spacing func(*rapid.T) time.Duration) []snapshot {
	count := rapid.IntRange(1, most).Draw(t, "snapshots")
	current := map[int32]int32{}
	var history []snapshot
	moment := start
	for range count {
		moment = moment.Add(spacing(t))
		next := snapshot{At: moment}
		collapse := rapid.IntRange(0, 4).Draw(t, "collapse") == 0
		for member := range int32(8) {
			switch rapid.IntRange(0, 5).Draw(t, "fate") {
			case 0:
				delete(current, member)
			case 1, 2:
				current[member] = rapid.Int32Range(1, 20).Draw(t, "value")
			}
			if value, online := current[member]; online && (!collapse || member == 0) {
				next.Present = append(next.Present, presence{Member: member, Value: value})
			}
		}
		history = append(history, next)
	}
	return history
}

func longSpacing(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(60, 1500).Draw(t, "seconds")) * time.Second
}

func shortSpacing(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(15, 240).Draw(t, "seconds")) * time.Second
}

func requireDiff(t testing.TB, what, diff string) {
	t.Helper()
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
