package verify

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// openSessions checks that no connection has two open sessions, and that the
// open ones are those of the newest snapshot, or hidden by a run of suspicious
// ones (I4).
func (r *run) openSessions(ctx context.Context, newest *snapshot) (Line, error) {
	c := check{name: "I4"}
	doubles, err := r.doubleSessions(ctx)
	if err != nil {
		return Line{}, err
	}
	for _, double := range doubles {
		c.violated("%s is open more than once", double)
	}
	if newest == nil || !newest.at.Equal(r.head.snapshot) {
		return c.line("no connection is open twice; the newest snapshot is not in the range, so who is online was not compared"), nil
	}
	rows, err := r.db.tx.Query(ctx, `WITH `+sessionsSQL+`
		SELECT kind, cid, callsign, logon_time, last_seen FROM sessions_seen WHERE online`)
	if err != nil {
		return Line{}, classify("verify.openSessions", err)
	}
	open, hidden := map[connection]bool{}, 0
	var session connection
	var k int
	var logon *time.Time
	var lastSeen time.Time
	_, err = pgx.ForEachRow(rows, []any{&k, &session.cid, &session.callsign, &logon, &lastSeen}, func() error {
		session.kind, session.logon = kind(k), 0
		if logon != nil {
			session.logon = logon.UnixMicro()
		}
		if lastSeen.Before(newest.at) {
			hidden++
			return nil
		}
		open[session] = true
		return nil
	})
	if err != nil {
		return Line{}, classify("verify.openSessions", err)
	}
	compareOpen(&c, newest, open)
	if err := r.hiddenOnlyWhileHeld(ctx, &c, hidden); err != nil {
		return Line{}, err
	}
	return c.line("%d sessions open, as in the newest snapshot %s, and %d held", len(open), stamp(newest.at), hidden), nil
}

func compareOpen(c *check, newest *snapshot, open map[connection]bool) {
	inBody := map[connection]bool{}
	for _, rows := range newest.rows {
		for _, row := range rows {
			inBody[row.connection] = true
			if !open[row.connection] {
				c.violated("%s is in the newest snapshot and not open", row.connection)
			}
		}
	}
	for session := range open {
		if !inBody[session] {
			c.violated("%s is open and not in the newest snapshot", session)
		}
	}
}

// hiddenOnlyWhileHeld allows hidden sessions as long as the newest snapshot is
// not believed.
func (r *run) hiddenOnlyWhileHeld(ctx context.Context, c *check, hidden int) error {
	var held bool
	err := r.db.tx.QueryRow(ctx, `SELECT coalesce(bool_or(suspicious), false) FROM snapshots WHERE at = $1`, r.head.snapshot).Scan(&held)
	if err == nil && hidden > 0 && !held {
		c.violated("%d sessions are hidden, and the newest snapshot is not a suspicious one", hidden)
	}
	return classify("verify.openSessions", err)
}

// doubleSessions asks the table: the views could hide a second row.
func (r *run) doubleSessions(ctx context.Context) ([]connection, error) {
	rows, err := r.db.tx.Query(ctx, `SELECT kind, cid, callsign, logon_time FROM sessions WHERE last_seen IS NULL
		GROUP BY kind, cid, callsign, logon_time HAVING count(*) > 1 LIMIT 100`)
	if err != nil {
		return nil, classify("verify.doubleSessions", err)
	}
	doubles, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (connection, error) {
		var c connection
		var k int
		var logon *time.Time
		err := row.Scan(&k, &c.cid, &c.callsign, &logon)
		c.kind = kind(k)
		if logon != nil {
			c.logon = logon.UnixMicro()
		}
		return c, err
	})
	return doubles, classify("verify.doubleSessions", err)
}
