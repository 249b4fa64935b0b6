package verify

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// revisions compares, at some snapshots, the plans, frequencies and ATIS texts
// in force with those of the body (R1).
type revisions struct {
	check
	*run
	sampled                    map[int64]bool // by microseconds since 1970
	plans, frequencies, texts  int
	snapshots                  int
	mark                       string // stands where a member's name was
	limitWord, limitText       int
	limitTextLine, limitLength int
}

func newRevisions(r *run) *revisions {
	v := &revisions{
		check: check{name: "R1"}, run: r, sampled: map[int64]bool{}, mark: "…",
		limitWord: 64, limitText: 8 << 10, limitTextLine: 1000, limitLength: 100,
	}
	for i := range min(r.Samples, len(r.entries)) {
		// The first and the last are among them.
		entry := r.entries[i*(len(r.entries)-1)/max(1, min(r.Samples, len(r.entries))-1)]
		v.sampled[entry.At.UnixMicro()] = true
	}
	return v
}

func (v *revisions) result() Line {
	return v.line("in force at %d snapshots: %d plans, %d frequencies, %d ATIS texts as in the bodies",
		v.snapshots, v.plans, v.frequencies, v.texts)
}

// snapshot compares a snapshot when it is one of the sample.
func (v *revisions) snapshot(ctx context.Context, s *snapshot) error {
	if !v.sampled[s.at.UnixMicro()] {
		return nil
	}
	v.snapshots++
	if err := v.comparePlans(ctx, s); err != nil {
		return err
	}
	if err := v.compareFrequencies(ctx, s); err != nil {
		return err
	}
	return v.compareTexts(ctx, s)
}

// planInForce is what is compared of a plan.
type planInForce struct {
	departure, arrival, route string
}

// inForceSQL returns the statement for what is in force, at $1, for the
// sessions seen around $1: of each one the newest row of a view since then.
// Sessions that it lacks are I2's to tell.
func inForceSQL(columns, view string) string {
	return `WITH ` + sessionsSQL + `
		SELECT s.kind, s.cid, s.callsign, s.logon_time, ` + columns + `
		FROM sessions_seen s
		LEFT JOIN LATERAL (SELECT * FROM ` + view + ` r WHERE r.session_id = s.session_id AND r.since <= $1 ORDER BY r.since DESC LIMIT 1) r ON true
		WHERE s.first_seen <= $1 AND s.last_seen >= $1`
}

// inForce runs such a statement.
func inForce[V any](ctx context.Context, d *database, statement string, at time.Time, scan func(value *V) []any) (map[connection]V, error) {
	rows, err := d.tx.Query(ctx, statement, at)
	if err != nil {
		return nil, classify("verify.inForce", err)
	}
	values := map[connection]V{}
	var c connection
	var k int
	var logon *time.Time
	var value V
	_, err = pgx.ForEachRow(rows, append([]any{&k, &c.cid, &c.callsign, &logon}, scan(&value)...), func() error {
		c.kind, c.logon = kind(k), 0
		if logon != nil {
			c.logon = logon.UnixMicro()
		}
		values[c] = value
		return nil
	})
	return values, classify("verify.inForce", err)
}

func (v *revisions) comparePlans(ctx context.Context, s *snapshot) error {
	stored, err := inForce(ctx, v.db, inForceSQL("coalesce(r.departure, ''), coalesce(r.arrival, ''), coalesce(r.route, '')", "skyledger.flight_plan"), s.at,
		func(p *planInForce) []any { return []any{&p.departure, &p.arrival, &p.route} })
	if err != nil {
		return err
	}
	for _, k := range []kind{pilots, prefiles} {
		for _, row := range s.rows[k] {
			filed, ok := v.plan(row.member.FlightPlan)
			if !ok {
				continue // a blank changes nothing
			}
			found, ok := stored[row.connection]
			if !ok {
				continue
			}
			v.plans++
			switch {
			case found.departure != filed.departure || found.arrival != filed.arrival:
				v.violated("%s: %s filed %s–%s, the database has %s–%s", stamp(s.at), row.connection,
					filed.departure, filed.arrival, found.departure, found.arrival)
			case !v.same(filed.route, found.route):
				v.violated("%s: %s has another route in the database", stamp(s.at), row.connection)
			}
		}
	}
	return nil
}

// plan reads what is compared of a filed plan; ok is false for none.
func (v *revisions) plan(raw json.RawMessage) (planInForce, bool) {
	var fields map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &fields) != nil {
		return planInForce{}, false
	}
	field := func(name string, limit int) string {
		written, _ := text(fields[name])
		return cut(written, limit)
	}
	return planInForce{
		departure: field("departure", v.limitWord), arrival: field("arrival", v.limitWord), route: field("route", v.limitText),
	}, true
}

// same compares a text with the one in the database, in which marks may stand
// for the member's name.
func (v *revisions) same(filed, found string) bool {
	if filed == found || !strings.Contains(found, v.mark) {
		return filed == found
	}
	rest := filed
	for i, part := range strings.Split(found, v.mark) {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at != 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return rest == "" || strings.HasSuffix(found, v.mark)
}

func (v *revisions) compareFrequencies(ctx context.Context, s *snapshot) error {
	stored, err := inForce(ctx, v.db, inForceSQL("coalesce(r.frequency_khz, 0)", "skyledger.frequency"), s.at, func(kilohertz *int) []any { return []any{kilohertz} })
	if err != nil {
		return err
	}
	for _, k := range []kind{controllers, atisStations} {
		for _, row := range s.rows[k] {
			tuned, ok := megahertz(row.member.Frequency)
			found, present := stored[row.connection]
			if !ok || !present {
				continue // not set: what was in force stays
			}
			v.frequencies++
			if found != tuned {
				v.violated("%s: %s is on %d kHz, the database has %d", stamp(s.at), row.connection, tuned, found)
			}
		}
	}
	return nil
}

func (v *revisions) compareTexts(ctx context.Context, s *snapshot) error {
	stored, err := inForce(ctx, v.db, inForceSQL("coalesce(r.text, '')", "skyledger.atis"), s.at, func(text *string) []any { return []any{text} })
	if err != nil {
		return err
	}
	for _, row := range s.rows[atisStations] {
		sent := v.lines(row.member.TextATIS)
		found, present := stored[row.connection]
		if sent == "" || !present {
			continue
		}
		v.texts++
		if !v.same(sent, found) {
			v.violated("%s: %s has another text in the database", stamp(s.at), row.connection)
		}
	}
	return nil
}

// lines joins the lines of an ATIS; those that are no text are left out.
func (v *revisions) lines(raw json.RawMessage) string {
	var elements []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return ""
	}
	var lines []string
	for _, element := range elements {
		if line, ok := text(element); ok && len(lines) < v.limitLength {
			lines = append(lines, cut(line, v.limitTextLine))
		}
	}
	return strings.Join(lines, "\n")
}

// cut shortens a text to limit bytes, between two characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
