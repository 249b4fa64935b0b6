package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Alert is what an evaluation found, with the condition as it was then.
type Alert struct {
	ID        int64
	Rule      string
	RuleName  string
	Figure    string
	Unit      string
	Subject   string
	Severity  string
	Kind      string // threshold, no_data
	Direction string
	Threshold float64
	Clear     float64
	Labels    map[string]string
	Detail    string // what the figure said of it when it opened
	Opened    time.Time
	Value     *float64 // the last that was known
	Worst     *float64 // the one that went furthest
	ValueAt   time.Time
	Silent    bool // open, and the figure cannot be had now
	Ended     time.Time
	Outcome   string // why it ended
	Delivered int    // notifications
	Waiting   int
	Failed    int
}

// AlertQuery chooses alerts.
type AlertQuery struct {
	From, To time.Time // open at any moment of From <= t < To
	Rule     string    // "" all
	Limit    int
}

// Alerts returns the alerts of a span, the last opened first.
func (s *Store) Alerts(ctx context.Context, query AlertQuery) ([]Alert, error) {
	var alerts []Alert
	err := s.use(ctx, "store.Alerts", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT a.id, a.rule, a.rule_name, a.figure, a.unit, a.subject, a.severity, a.kind, a.direction, a.threshold, a.clear, a.labels,
			       a.detail, a.opened, a.value, a.worst, a.value_at, a.silent, a.ended, coalesce(a.outcome, ''),
			       d.delivered, d.waiting, d.failed
			FROM kept.alerts a CROSS JOIN LATERAL (
			    SELECT count(*) FILTER (WHERE status = 'delivered') AS delivered, count(*) FILTER (WHERE status = 'queued') AS waiting,
			           count(*) FILTER (WHERE status = 'failed') AS failed
			    FROM kept.alert_deliveries WHERE alert = a.id) d
			WHERE (a.ended IS NULL OR a.ended >= $1) AND a.opened < $2 AND ($3 = '' OR a.rule = $3)
			ORDER BY a.opened DESC, a.id DESC LIMIT $4`, query.From, query.To, query.Rule, query.Limit)
		if err != nil {
			return err
		}
		alerts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Alert, err error) {
			err = row.Scan(&a.ID, &a.Rule, &a.RuleName, &a.Figure, &a.Unit, &a.Subject, &a.Severity, &a.Kind, &a.Direction, &a.Threshold,
				&a.Clear, &a.Labels, &a.Detail, &a.Opened, &a.Value, &a.Worst, (*moment)(&a.ValueAt), &a.Silent, (*moment)(&a.Ended), &a.Outcome,
				&a.Delivered, &a.Waiting, &a.Failed)
			return a, err
		})
		return err
	})
	return alerts, err
}

// AlertsEvaluated is when the last evaluation was; zero: never.
func (s *Store) AlertsEvaluated(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.use(ctx, "store.AlertsEvaluated", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT evaluated FROM kept.alert_head`).Scan((*moment)(&at))
	})
	return at, err
}

// DeliveryRow is a delivery with its attempts, as people see it.
type DeliveryRow struct {
	ID       int64
	Alert    *int64 // nil: a test
	Rule     string
	Receiver string
	Kind     string
	Shown    string
	Event    string
	Status   string
	Created  time.Time
	Due      time.Time
	Finished time.Time
	Begun    int // attempts, those without an outcome included
	Attempts []DeliveryAttempt
}

// DeliveryAttempt is how one attempt went.
type DeliveryAttempt struct {
	No      int       `json:"no"`
	At      time.Time `json:"at"`
	TookMS  float64   `json:"took_ms"`
	Status  *int      `json:"status"`
	Outcome string    `json:"outcome"`
}

// DeliveryQuery chooses deliveries, the newest first.
type DeliveryQuery struct {
	Alert  int64  // 0 all
	Rule   string // "" all
	From   time.Time
	To     time.Time // of their making
	Before int64     // id of the last row of the page before; 0: the first page
	Limit  int
}

// Deliveries returns them.
func (s *Store) Deliveries(ctx context.Context, query DeliveryQuery) ([]DeliveryRow, error) {
	var found []DeliveryRow
	err := s.use(ctx, "store.Deliveries", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT d.id, d.alert, d.rule, d.receiver, d.kind, d.shown, d.event, d.status, d.created, d.due, d.finished, d.attempts,
			       coalesce((SELECT jsonb_agg(jsonb_build_object('no', a.no, 'at', a.at, 'took_ms', a.took_ms, 'status', a.status,
			           'outcome', a.outcome) ORDER BY a.no) FROM kept.alert_attempts a WHERE a.delivery = d.id), '[]')
			FROM kept.alert_deliveries d
			WHERE ($1::bigint = 0 OR d.alert = $1) AND ($2 = '' OR d.rule = $2) AND d.created >= $3 AND d.created < $4
			ORDER BY d.id DESC LIMIT $5`, query.Alert, query.Rule, query.From, query.To, query.Limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DeliveryRow, err error) {
			err = row.Scan(&d.ID, &d.Alert, &d.Rule, &d.Receiver, &d.Kind, &d.Shown, &d.Event, &d.Status, &d.Created, &d.Due,
				(*moment)(&d.Finished), &d.Begun, &d.Attempts)
			return d, err
		})
		return err
	})
	return found, err
}

// DropAlerts removes alerts that ended before cut, deliveries that were finished
// before it, and what belongs to them. It returns how many rows of the two.
func (s *Store) DropAlerts(ctx context.Context, cut time.Time) (int, error) {
	dropped := 0
	err := s.use(ctx, "store.DropAlerts", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			WITH ended AS (
			    DELETE FROM kept.alerts WHERE ended < $1 RETURNING 1
			), tests AS (
			    DELETE FROM kept.alert_deliveries WHERE alert IS NULL AND finished < $1 RETURNING 1
			)
			SELECT (SELECT count(*) FROM ended) + (SELECT count(*) FROM tests)`, cut).Scan(&dropped)
	})
	return dropped, err
}
