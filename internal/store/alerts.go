package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// AlertRule is a saved condition.
type AlertRule struct {
	ID        string
	Name      string
	Reason    string // why it is worth an alert
	Shipped   bool   // it came with the program
	Figure    string
	Subjects  []string // names, or patterns with * in them
	Direction string   // AlertAbove or AlertBelow
	Threshold float64  // beyond it the condition holds
	Clear     float64  // at it, or on its other side, an alert ends
	For       time.Duration
	Renotify  time.Duration // 0: told once
	Severity  string        // info, warning, critical
	NoData    string        // AlertHold, AlertEnd or AlertNotify
	Quiet     *QuietHours
	Enabled   bool
	Labels    map[string]string
	Revision  int64
	Created   time.Time
	Updated   time.Time
	Looked    time.Time // the last evaluation; zero: none yet
	Problem   string    // what was wrong with it
	Receivers []AlertReceiver
}

// The directions of a rule, and what becomes of an alert without data.
const (
	AlertAbove = "above"
	AlertBelow = "below"

	AlertHold   = "hold"   // it stays as it is
	AlertEnd    = "end"    // it ends, and says why
	AlertNotify = "notify" // the lack of data is itself an alert
)

// QuietHours are minutes after midnight in a time zone: From <= t < To, across
// midnight where From is the later.
type QuietHours struct {
	From, To int
	Zone     string
}

// AlertReceiver is who is told. Sealed holds what is secret.
type AlertReceiver struct {
	ID     string
	Kind   string // webhook, discord, slack, sns
	Shown  string
	Sealed []byte
	Key    string // which key sealed it; "" none did
}

// AlertState is what an evaluation remembers of a subject.
type AlertState struct {
	Rule, Subject string
	Phase         string        // ok, pending, open, no_data
	Since         time.Time     // of the phase
	At            time.Time     // of the evaluation
	Held          time.Duration // how long the condition was seen to hold
	Missing       time.Duration // how long the figure could not be had
	Value         *float64      // the last that was known
	ValueAt       time.Time
	OpenKind      string    // of the open alert: threshold or no_data; "" none is open
	Told          time.Time // when its last notification is, or was, due; zero: none is open
}

// AlertBook is what an evaluation begins with: the enabled rules and what is
// remembered of their subjects.
type AlertBook struct {
	Version   int64
	Evaluated time.Time // zero: never
	Rules     []AlertRule
	States    []AlertState
}

// AlertBook reads it.
func (s *Store) AlertBook(ctx context.Context) (AlertBook, error) {
	var book AlertBook
	err := s.transact(ctx, "store.AlertBook", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT version, evaluated FROM kept.alert_head`).Scan(&book.Version, (*moment)(&book.Evaluated))
		if err != nil {
			return err
		}
		if book.Rules, err = alertRules(ctx, tx, `WHERE enabled`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT rule, subject, phase, since, at, held, missing, value, value_at, open_kind, told
			FROM kept.alert_states ORDER BY rule, subject`)
		if err != nil {
			return err
		}
		book.States, err = pgx.CollectRows(rows, scanAlertState)
		return err
	})
	return book, err
}

func scanAlertState(row pgx.CollectableRow) (AlertState, error) {
	var s AlertState
	err := row.Scan(&s.Rule, &s.Subject, &s.Phase, &s.Since, &s.At, &s.Held, &s.Missing, &s.Value, (*moment)(&s.ValueAt),
		&s.OpenKind, (*moment)(&s.Told))
	return s, err
}

// AlertChanges are the result of an evaluation.
type AlertChanges struct {
	Version int64 // the book's
	At      time.Time
	Opened  []Alert
	Seen    []AlertSeen  // open before and after
	Ended   []AlertEnded // open before
	Notes   []AlertNote
	States  []AlertState // to remember
	Forget  []AlertSubject
	Looks   []AlertLook
}

// AlertSubject names a subject of a rule.
type AlertSubject struct{ Rule, Subject string }

// AlertSeen is what an open alert's figure is now.
type AlertSeen struct {
	AlertSubject
	Value   *float64
	ValueAt time.Time
	Silent  bool // the figure cannot be had
}

// AlertEnded is how an open alert ended. Unsaid says that nobody was to be told
// of its opening yet: then nobody is told of its end.
type AlertEnded struct {
	AlertSubject
	Outcome string
	Unsaid  bool
}

// AlertNote is one thing to tell the rule's receivers of the subject's alert,
// after Delay.
type AlertNote struct {
	AlertSubject
	Event   string // opened, reminder, ended
	Value   *float64
	Outcome string
	Delay   time.Duration
}

// AlertLook is that a rule was evaluated.
type AlertLook struct {
	Rule    string
	Problem string
}

// SaveAlerts writes an evaluation: what opened and ended, what is remembered and
// what is to be told, all of it or nothing. fault.Conflict "fenced" when the
// version moved since the book was read.
func (s *Store) SaveAlerts(ctx context.Context, c AlertChanges) error {
	const op = "store.SaveAlerts"
	return s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		moved, err := tx.Exec(ctx, `UPDATE kept.alert_head SET version = version + 1, evaluated = $2 WHERE version = $1`, c.Version, c.At)
		if err != nil {
			return err
		}
		if moved.RowsAffected() == 0 {
			return fault.E(op, fault.Conflict, "fenced", nil)
		}
		// Notes are told of what is open: after the openings, before the ends.
		batch := &pgx.Batch{}
		queueAlerts(batch, c)
		queueSeen(batch, c.Seen)
		queueUnsaid(batch, c.Ended)
		queueNotes(batch, c)
		queueEnded(batch, c)
		queueStates(batch, c)
		return tx.SendBatch(ctx, batch).Close()
	})
}

func queueAlerts(batch *pgx.Batch, c AlertChanges) {
	for i := range c.Opened {
		a := &c.Opened[i]
		batch.Queue(`
			INSERT INTO kept.alerts (rule, rule_name, figure, unit, subject, severity, kind, direction, threshold, clear, labels, detail,
				opened, value, worst, value_at, silent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16)`,
			a.Rule, a.RuleName, a.Figure, a.Unit, a.Subject, a.Severity, a.Kind, a.Direction, a.Threshold, a.Clear, labels(a.Labels), a.Detail,
			c.At, a.Value, moment(a.ValueAt), a.Silent)
	}
}

func queueSeen(batch *pgx.Batch, seen []AlertSeen) {
	batch.Queue(`
		UPDATE kept.alerts a SET silent = s.silent, value = coalesce(s.value, a.value), value_at = coalesce(s.value_at, a.value_at),
		    worst = CASE WHEN a.direction = 'above' THEN greatest(a.worst, s.value) ELSE least(a.worst, s.value) END
		FROM unnest($1::text[], $2::text[], $3::float8[], $4::timestamptz[], $5::boolean[]) AS s(rule, subject, value, value_at, silent)
		WHERE a.rule = s.rule AND a.subject = s.subject AND a.ended IS NULL`,
		column(seen, func(a AlertSeen) string { return a.Rule }), column(seen, func(a AlertSeen) string { return a.Subject }),
		column(seen, func(a AlertSeen) *float64 { return a.Value }), column(seen, func(a AlertSeen) moment { return moment(a.ValueAt) }),
		column(seen, func(a AlertSeen) bool { return a.Silent }))
}

// queueUnsaid takes back openings that wait for the end of quiet hours. One that
// is under way already is said.
func queueUnsaid(batch *pgx.Batch, ended []AlertEnded) {
	var unsaid []AlertSubject
	for _, end := range ended {
		if end.Unsaid {
			unsaid = append(unsaid, end.AlertSubject)
		}
	}
	batch.Queue(`
		UPDATE kept.alert_deliveries d SET status = 'canceled', finished = now()
		FROM unnest($1::text[], $2::text[]) AS u(rule, subject)
		JOIN kept.alerts a ON a.rule = u.rule AND a.subject = u.subject AND a.ended IS NULL
		WHERE d.alert = a.id AND d.status = 'queued' AND d.attempts = 0`,
		column(unsaid, func(a AlertSubject) string { return a.Rule }), column(unsaid, func(a AlertSubject) string { return a.Subject }))
}

// queueNotes makes a delivery for each receiver. Of an end those are told who
// were told, or are yet to be told, of the opening.
func queueNotes(batch *pgx.Batch, c AlertChanges) {
	batch.Queue(`
		INSERT INTO kept.alert_deliveries (alert, rule, receiver, kind, shown, event, at, value, outcome, due, status, attempts)
		SELECT a.id, n.rule, r.id, r.kind, r.shown, n.event, $1, n.value, n.outcome, now() + n.delay, 'queued', 0
		FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::interval[])
		    WITH ORDINALITY AS n(rule, subject, event, value, outcome, delay, no)
		JOIN kept.alerts a ON a.rule = n.rule AND a.subject = n.subject AND a.ended IS NULL
		JOIN kept.alert_receivers r ON r.rule = n.rule
		WHERE n.event <> 'ended' OR EXISTS (
		    SELECT FROM kept.alert_deliveries d WHERE d.alert = a.id AND d.receiver = r.id AND d.status <> 'canceled')
		ORDER BY n.no, r.id`,
		c.At, column(c.Notes, func(n AlertNote) string { return n.Rule }), column(c.Notes, func(n AlertNote) string { return n.Subject }),
		column(c.Notes, func(n AlertNote) string { return n.Event }), column(c.Notes, func(n AlertNote) *float64 { return n.Value }),
		column(c.Notes, func(n AlertNote) string { return n.Outcome }), column(c.Notes, func(n AlertNote) time.Duration { return n.Delay }))
}

func queueEnded(batch *pgx.Batch, c AlertChanges) {
	batch.Queue(`
		UPDATE kept.alerts a SET ended = greatest($1, a.opened), outcome = e.outcome
		FROM unnest($2::text[], $3::text[], $4::text[]) AS e(rule, subject, outcome)
		WHERE a.rule = e.rule AND a.subject = e.subject AND a.ended IS NULL`,
		c.At, column(c.Ended, func(e AlertEnded) string { return e.Rule }), column(c.Ended, func(e AlertEnded) string { return e.Subject }),
		column(c.Ended, func(e AlertEnded) string { return e.Outcome }))
}

func queueStates(batch *pgx.Batch, c AlertChanges) {
	batch.Queue(`
		INSERT INTO kept.alert_states (rule, subject, phase, since, at, held, missing, value, value_at, open_kind, told)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::interval[], $7::interval[],
		    $8::float8[], $9::timestamptz[], $10::text[], $11::timestamptz[])
		ON CONFLICT (rule, subject) DO UPDATE SET phase = excluded.phase, since = excluded.since, at = excluded.at, held = excluded.held,
		    missing = excluded.missing, value = excluded.value, value_at = excluded.value_at, open_kind = excluded.open_kind, told = excluded.told`,
		column(c.States, func(s AlertState) string { return s.Rule }), column(c.States, func(s AlertState) string { return s.Subject }),
		column(c.States, func(s AlertState) string { return s.Phase }), column(c.States, func(s AlertState) time.Time { return s.Since }),
		column(c.States, func(s AlertState) time.Time { return s.At }), column(c.States, func(s AlertState) time.Duration { return s.Held }),
		column(c.States, func(s AlertState) time.Duration { return s.Missing }), column(c.States, func(s AlertState) *float64 { return s.Value }),
		column(c.States, func(s AlertState) moment { return moment(s.ValueAt) }), column(c.States, func(s AlertState) string { return s.OpenKind }),
		column(c.States, func(s AlertState) moment { return moment(s.Told) }))
	batch.Queue(`
		DELETE FROM kept.alert_states s USING unnest($1::text[], $2::text[]) AS f(rule, subject)
		WHERE s.rule = f.rule AND s.subject = f.subject`,
		column(c.Forget, func(f AlertSubject) string { return f.Rule }), column(c.Forget, func(f AlertSubject) string { return f.Subject }))
	batch.Queue(`
		UPDATE kept.alert_rules r SET looked = $1, problem = l.problem
		FROM unnest($2::text[], $3::text[]) AS l(rule, problem) WHERE r.id = l.rule`,
		c.At, column(c.Looks, func(l AlertLook) string { return l.Rule }), column(c.Looks, func(l AlertLook) string { return l.Problem }))
}

// labels are never null.
func labels(given map[string]string) map[string]string {
	if given == nil {
		return map[string]string{}
	}
	return given
}
