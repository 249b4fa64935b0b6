package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// AlertDelivery is one thing to tell one receiver, with what it is about. Its
// Alert is the alert as it was when it opened; of a test, one made up of the
// rule alone, without an id.
type AlertDelivery struct {
	ID       int64
	Event    string // opened, reminder, ended, test
	At       time.Time
	Value    *float64
	Outcome  string // of an end
	Attempt  int    // this one, from 1
	Lease    string // whose attempt it is
	Receiver AlertReceiver
	Alert    Alert
}

// DeliveryClaim says what one worker takes of the queue.
type DeliveryClaim struct {
	Lease       string // unlike any other's
	For         time.Duration
	Most        int // in all
	PerReceiver int
	Attempts    int // the most that one delivery has
}

// ClaimDeliveries leases what is due, the least tried first. Of one alert and
// receiver only the earliest is taken, so that an end is never told before its
// opening. Attempts are counted when they are leased: one whose process was
// killed is one of them.
func (s *Store) ClaimDeliveries(ctx context.Context, claim DeliveryClaim) ([]AlertDelivery, error) {
	return s.leased(ctx, "store.ClaimDeliveries", claimSQL, claim.Lease, claim.For, claim.Most, claim.PerReceiver, claim.Attempts)
}

// The inner numbering is over what is due alone; rows are locked after it, and
// those that somebody else took meanwhile are left out.
const claimSQL = `
WITH exhausted AS (
    UPDATE kept.alert_deliveries SET status = 'failed', finished = now(), lease = NULL
    WHERE status = 'queued' AND leased_until < now() AND (attempts >= $5 OR event = 'test')
), due AS (
    SELECT d.id, d.attempts, d.due, row_number() OVER (PARTITION BY d.rule, d.receiver ORDER BY d.id) AS place
    FROM kept.alert_deliveries d
    WHERE d.status = 'queued' AND d.due <= now() AND (d.leased_until IS NULL OR d.leased_until < now())
      AND d.attempts < $5 AND d.event <> 'test'
      AND NOT EXISTS (SELECT FROM kept.alert_deliveries e
          WHERE e.alert = d.alert AND e.receiver = d.receiver AND e.id < d.id AND e.status = 'queued')
), chosen AS (
    SELECT d.id FROM kept.alert_deliveries d JOIN due ON due.id = d.id
    WHERE due.place <= $4 AND d.status = 'queued' AND (d.leased_until IS NULL OR d.leased_until < now())
    ORDER BY due.attempts, due.due, d.id LIMIT $3
    FOR NO KEY UPDATE OF d SKIP LOCKED
), taken AS (
    UPDATE kept.alert_deliveries d SET lease = $1, leased_until = now() + $2::interval, attempts = attempts + 1
    FROM chosen WHERE d.id = chosen.id
    RETURNING d.*
)` + leasedSQL

// leasedSQL reads deliveries that were just taken. A receiver that is gone has
// had its deliveries canceled.
const leasedSQL = `
SELECT t.id, t.event, t.at, t.value, t.outcome, t.attempts, t.lease, t.receiver, t.kind, t.shown, r.sealed, r.key,
       coalesce(a.id, 0), u.id, coalesce(a.rule_name, u.name), coalesce(a.figure, u.figure), coalesce(a.unit, ''), coalesce(a.subject, ''),
       coalesce(a.severity, u.severity), coalesce(a.kind, 'threshold'), coalesce(a.direction, u.direction), coalesce(a.threshold, u.threshold),
       coalesce(a.clear, u.clear), coalesce(a.labels, u.labels), coalesce(a.detail, ''), coalesce(a.opened, t.at)
FROM taken t
JOIN kept.alert_rules u ON u.id = t.rule
JOIN kept.alert_receivers r ON r.rule = t.rule AND r.id = t.receiver
LEFT JOIN kept.alerts a ON a.id = t.alert
ORDER BY t.id`

func (s *Store) leased(ctx context.Context, op, statement string, arguments ...any) ([]AlertDelivery, error) {
	var taken []AlertDelivery
	err := s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, statement, arguments...)
		if err != nil {
			return err
		}
		taken, err = pgx.CollectRows(rows, scanDelivery)
		return err
	})
	return taken, err
}

func scanDelivery(row pgx.CollectableRow) (AlertDelivery, error) {
	var d AlertDelivery
	a := &d.Alert
	err := row.Scan(&d.ID, &d.Event, &d.At, &d.Value, &d.Outcome, &d.Attempt, &d.Lease,
		&d.Receiver.ID, &d.Receiver.Kind, &d.Receiver.Shown, &d.Receiver.Sealed, &d.Receiver.Key,
		&a.ID, &a.Rule, &a.RuleName, &a.Figure, &a.Unit, &a.Subject, &a.Severity, &a.Kind, &a.Direction, &a.Threshold,
		&a.Clear, &a.Labels, &a.Detail, &a.Opened)
	return d, err
}

// AddTestDeliveries makes a test for each of a rule's receivers, leased to who
// asks: a test has one attempt.
func (s *Store) AddTestDeliveries(ctx context.Context, rule string, at time.Time, lease string, patience time.Duration) ([]AlertDelivery, error) {
	return s.leased(ctx, "store.AddTestDeliveries", `
		WITH taken AS (
		    INSERT INTO kept.alert_deliveries (rule, receiver, kind, shown, event, at, outcome, due, status, attempts, lease, leased_until)
		    SELECT r.rule, r.id, r.kind, r.shown, 'test', $2, '', now(), 'queued', 1, $3, now() + $4::interval
		    FROM kept.alert_receivers r WHERE r.rule = $1 ORDER BY r.id
		    RETURNING *
		)`+leasedSQL, rule, at, lease, patience)
}

// DeliveryResult is how an attempt went. A delivery that is not Done is tried
// again after Wait. One that was not Tried, because the receiver is being
// spared, is no attempt.
type DeliveryResult struct {
	ID      int64
	Lease   string
	Attempt int
	Tried   bool
	Done    bool
	OK      bool
	Wait    time.Duration
	Took    time.Duration
	Status  *int // of HTTP
	Outcome string
}

// SettleDelivery writes how an attempt went. It reports false when the lease is
// somebody else's by now: then nothing is written.
func (s *Store) SettleDelivery(ctx context.Context, r DeliveryResult) (bool, error) {
	settled := false
	err := s.transact(ctx, "store.SettleDelivery", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		status := "queued"
		switch {
		case r.Done && r.OK:
			status = "delivered"
		case r.Done:
			status = "failed"
		}
		done, err := tx.Exec(ctx, `
			UPDATE kept.alert_deliveries SET
			    status = CASE WHEN status = 'canceled' THEN status ELSE $3 END,
			    finished = CASE WHEN $3 <> 'queued' THEN now() ELSE finished END,
			    attempts = CASE WHEN $4 THEN attempts ELSE attempts - 1 END,
			    due = now() + $5::interval, lease = NULL, leased_until = NULL
			WHERE id = $1 AND lease = $2`, r.ID, r.Lease, status, r.Tried, r.Wait)
		if err != nil {
			return err
		}
		if settled = done.RowsAffected() > 0; !settled || !r.Tried {
			return nil
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO kept.alert_attempts (delivery, no, at, took_ms, status, outcome)
			VALUES ($1, $2, now(), $3, $4, $5) ON CONFLICT (delivery, no) DO NOTHING`, r.ID, r.Attempt, milli(r.Took), r.Status, r.Outcome)
		return err
	})
	return settled, err
}
