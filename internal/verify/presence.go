package verify

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/jackc/pgx/v5"
)

// edge is a moment at which a session appears or is seen for the last time.
type edge struct {
	at      time.Time
	session connection
}

func scanEdge(row pgx.CollectableRow) (edge, error) {
	var e edge
	var k int
	var logon *time.Time
	err := row.Scan(&e.at, &k, &e.session.cid, &e.session.callsign, &logon)
	e.session.kind = kind(k)
	if logon != nil {
		e.session.logon = logon.UnixMicro()
	}
	return e, err
}

// sessionsSQL is every session as people see it, of all kinds.
const sessionsSQL = `sessions_seen AS (
	SELECT session_id, 1 AS kind, cid, callsign, logon_time, first_seen, last_seen, online FROM skyledger.pilot_session
	UNION ALL
	SELECT session_id, 2, cid, callsign, logon_time, first_seen, last_seen, online FROM skyledger.controller_session
	UNION ALL
	SELECT session_id, 3, cid, callsign, logon_time, first_seen, last_seen, online FROM skyledger.atis_session
	UNION ALL
	SELECT session_id, 4, cid, callsign, NULL, first_seen, last_seen, filed FROM skyledger.prefile
)`

// presence sweeps over the sessions and their gaps in time, and so knows who
// the database says was there at each snapshot. What it keeps is who is there.
type presence struct {
	starts, ends *cursor[edge]
	seed         maphash.Seed
	digest       [kinds]uint64 // sums of the hashes of those present
	present      map[connection]int
	counts       [kinds]int
}

func openPresence(ctx context.Context, d *database, from time.Time) (*presence, error) {
	p := &presence{seed: maphash.MakeSeed(), present: map[connection]int{}}
	edges := func(ofSession, ofGap string) string {
		return `WITH ` + sessionsSQL + `
			SELECT ` + ofSession + ` AS time, kind, cid, callsign, logon_time FROM sessions_seen s WHERE s.last_seen >= ` + literal(from) + `
			UNION ALL
			SELECT g.` + ofGap + `, s.kind, s.cid, s.callsign, s.logon_time
			FROM skyledger.session_gap g JOIN sessions_seen s USING (session_id) WHERE s.last_seen >= ` + literal(from) + `
			ORDER BY time`
	}
	var err error
	if p.starts, err = openCursor(ctx, d, edges("first_seen", "next_present"), scanEdge); err != nil {
		return nil, err
	}
	p.ends, err = openCursor(ctx, d, edges("last_seen", "last_present"), scanEdge)
	return p, err
}

// moveTo makes everybody present who was first seen, or came back, until at,
// less those last seen before.
func (p *presence) moveTo(ctx context.Context, at time.Time) error {
	for {
		start, ok, err := p.starts.peek(ctx)
		if err != nil {
			return err
		}
		if !ok || start.at.After(at) {
			break
		}
		p.starts.take()
		p.change(start.session, 1)
	}
	for {
		end, ok, err := p.ends.peek(ctx)
		if err != nil {
			return err
		}
		if !ok || !end.at.Before(at) {
			return nil
		}
		p.ends.take()
		p.change(end.session, -1)
	}
}

func (p *presence) change(session connection, by int) {
	hash := maphash.Comparable(p.seed, session)
	p.digest[session.kind] += hash * uint64(by)
	p.counts[session.kind] += by
	if p.present[session] += by; p.present[session] == 0 {
		delete(p.present, session)
	}
}

// compare reports when those present are not the rows of the snapshot.
func (p *presence) compare(k kind, s *snapshot, violations *check) {
	var digest uint64
	for _, row := range s.rows[k] {
		digest += maphash.Comparable(p.seed, row.connection)
	}
	if digest == p.digest[k] && len(s.rows[k]) == p.counts[k] {
		return
	}
	violations.violated("%s: %d %s rows in the body, %d sessions present in the database%s",
		stamp(s.at), len(s.rows[k]), k, p.counts[k], p.example(k, s))
}

// example names one session that only one side has.
func (p *presence) example(k kind, s *snapshot) string {
	there := make(map[connection]bool, len(s.rows[k]))
	for _, row := range s.rows[k] {
		there[row.connection] = true
		if p.present[row.connection] < 1 {
			return "; " + row.connection.String() + " is absent there"
		}
	}
	for session, times := range p.present {
		if session.kind == k && (!there[session] || times != 1) {
			return "; " + session.String() + " is not in the body, or present twice"
		}
	}
	return ""
}
