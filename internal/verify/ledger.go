package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// tickLength is the feed's cadence.
const tickLength = 15 * time.Second

// longestAbsence is how long a collector may be away and still owe a row for
// every tick: after a longer absence the ledger begins anew.
const longestAbsence = 7 * 24 * time.Hour

// tick is one row of skyledger.feed_ledger.
type tick struct {
	at      time.Time
	outcome string
	reason  string
}

func scanTick(row pgx.CollectableRow) (tick, error) {
	var t tick
	var outcome *string
	err := row.Scan(&t.at, &outcome, &t.reason)
	if outcome != nil {
		t.outcome = *outcome
	}
	return t, err
}

// ledger checks that every tick between the first and the last has exactly one
// row, that the ticks of the log's records were received, and that all others
// say why they brought nothing (I5).
func (r *run) ledger(ctx context.Context) (Line, error) {
	c := check{name: "I5"}
	slices.Sort(r.ticks)
	recorded := slices.Compact(r.ticks)
	if len(recorded) == 0 {
		return c.line("no ticks to account for"), nil
	}
	first, last := time.Unix(recorded[0], 0).UTC(), time.Unix(recorded[len(recorded)-1], 0).UTC()
	whole := r.from.Equal(r.logFrom) // the ledger may begin before the first snapshot
	statement := `SELECT tick, outcome, reason FROM skyledger.feed_ledger WHERE tick <= ` + literal(later(last, r.upTo())) + ``
	if !whole {
		statement += ` AND tick >= ` + literal(first)
	}
	rows, err := openCursor(ctx, r.db, statement+` ORDER BY tick`, scanTick)
	if err != nil {
		return Line{}, err
	}
	account := account{check: &c, recorded: recorded, before: r.logFrom}
	for {
		row, ok, err := rows.peek(ctx)
		if err != nil {
			return Line{}, err
		}
		if !ok {
			break
		}
		rows.take()
		account.take(row)
	}
	account.end()
	anew := ""
	if account.absences > 0 {
		anew = fmt.Sprintf("; begun anew %d times, after more than 7 days without a collector", account.absences)
	}
	return c.line("%d ticks, one row each; %d with a snapshot of the log, %d others with their reason%s",
		account.rows, account.received, account.rows-account.received, anew), nil
}

// upTo is the last tick of interest: that of the newest snapshot checked. Later
// ones are of a collector that got nothing, and are checked as far as they go.
func (r *run) upTo() time.Time {
	if r.through.Before(r.head.snapshot) {
		return r.through
	}
	return endOfTime()
}

// account goes through the ledger in order of time.
type account struct {
	*check
	recorded       []int64 // ticks of the log's records that no row has answered for
	before         time.Time
	previous       time.Time
	rows, received int
	absences       int
}

func (a *account) take(row tick) {
	a.rows++
	if !row.at.Equal(row.at.Truncate(tickLength)) {
		a.violated("tick %s is not a multiple of 15 s", stamp(row.at))
	}
	told := false
	if !a.previous.IsZero() {
		switch step := row.at.Sub(a.previous); {
		case step <= 0:
			a.violated("tick %s has more than one row", stamp(row.at))
		case step > longestAbsence:
			a.absences++
		case step > tickLength:
			told = true
			a.violated("%d ticks after %s have no row", int(step/tickLength)-1, stamp(a.previous))
		}
	}
	a.previous = row.at
	a.missed(row.at.Unix(), told)
	brought := row.outcome == "received" || row.outcome == "late"
	if inLog := len(a.recorded) > 0 && a.recorded[0] == row.at.Unix(); inLog {
		a.recorded = a.recorded[1:]
		a.received++
		if !brought {
			a.violated("tick %s is %q (%s), and the log has its snapshot", stamp(row.at), row.outcome, row.reason)
		}
		return
	}
	switch {
	case brought && !row.at.Before(a.before.Truncate(tickLength)):
		a.violated("tick %s is %q, and the log has no snapshot of it", stamp(row.at), row.outcome)
	case !brought && row.reason == "":
		a.violated("tick %s is %q without a reason", stamp(row.at), row.outcome)
	}
}

// missed drops the recorded ticks before until: their rows are missing, which
// may be told already as a hole in the ledger.
func (a *account) missed(until int64, told bool) {
	for len(a.recorded) > 0 && a.recorded[0] < until {
		if !told {
			a.violated("tick %s, of a snapshot of the log, has no row", stamp(time.Unix(a.recorded[0], 0)))
		}
		a.recorded = a.recorded[1:]
	}
}

func (a *account) end() {
	for _, seconds := range a.recorded {
		a.violated("tick %s, of a snapshot of the log, has no row", stamp(time.Unix(seconds, 0)))
	}
}
