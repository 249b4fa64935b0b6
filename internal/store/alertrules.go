package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// AlertRules returns every rule, by name.
func (s *Store) AlertRules(ctx context.Context) ([]AlertRule, error) {
	var rules []AlertRule
	err := s.transact(ctx, "store.AlertRules", snapshotRead(), func(ctx context.Context, tx pgx.Tx) (err error) {
		rules, err = alertRules(ctx, tx, ``)
		return err
	})
	return rules, err
}

// AlertRule returns one with what is remembered of its subjects. fault.NotFound
// when there is none.
func (s *Store) AlertRule(ctx context.Context, id string) (AlertRule, []AlertState, error) {
	const op = "store.AlertRule"
	var rule AlertRule
	var states []AlertState
	err := s.transact(ctx, op, snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		rules, err := alertRules(ctx, tx, `WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(rules) == 0 {
			return noAlertRule(op)
		}
		rule = rules[0]
		rows, err := tx.Query(ctx, `
			SELECT rule, subject, phase, since, at, held, missing, value, value_at, open_kind, told
			FROM kept.alert_states WHERE rule = $1 ORDER BY subject`, id)
		if err != nil {
			return err
		}
		states, err = pgx.CollectRows(rows, scanAlertState)
		return err
	})
	return rule, states, err
}

func noAlertRule(op string) error {
	return fault.E(op, fault.NotFound, "no_rule", nil).WithMessage("There is no rule of that id; /api/alerts/rules lists them.")
}

func alertRules(ctx context.Context, tx pgx.Tx, where string, arguments ...any) ([]AlertRule, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, name, reason, shipped, figure, subjects, direction, threshold, clear, for_s, renotify_s, severity, no_data,
		       quiet_from, quiet_to, quiet_zone, enabled, labels, revision, created, updated, looked, problem
		FROM kept.alert_rules `+where+` ORDER BY name, id`, arguments...)
	if err != nil {
		return nil, err
	}
	rules, err := pgx.CollectRows(rows, scanAlertRule)
	if err != nil {
		return nil, err
	}
	byID := map[string]*AlertRule{}
	for i := range rules {
		byID[rules[i].ID] = &rules[i]
	}
	rows, err = tx.Query(ctx, `SELECT rule, id, kind, shown, sealed, key FROM kept.alert_receivers ORDER BY rule, id`)
	if err != nil {
		return nil, err
	}
	var of string
	var receiver AlertReceiver
	_, err = pgx.ForEachRow(rows, []any{&of, &receiver.ID, &receiver.Kind, &receiver.Shown, &receiver.Sealed, &receiver.Key}, func() error {
		if rule := byID[of]; rule != nil {
			rule.Receivers = append(rule.Receivers, receiver)
		}
		return nil
	})
	return rules, err
}

func scanAlertRule(row pgx.CollectableRow) (AlertRule, error) {
	var r AlertRule
	var holds, renotify int64
	var from, to *int
	var zone *string
	err := row.Scan(&r.ID, &r.Name, &r.Reason, &r.Shipped, &r.Figure, &r.Subjects, &r.Direction, &r.Threshold, &r.Clear,
		&holds, &renotify, &r.Severity, &r.NoData, &from, &to, &zone, &r.Enabled, &r.Labels, &r.Revision, &r.Created, &r.Updated,
		(*moment)(&r.Looked), &r.Problem)
	r.For, r.Renotify = time.Duration(holds)*time.Second, time.Duration(renotify)*time.Second
	if from != nil && to != nil && zone != nil {
		r.Quiet = &QuietHours{From: *from, To: *to, Zone: *zone}
	}
	return r, err
}

// values are the columns that people set, from $2 on; id is $1.
func (r *AlertRule) values() []any {
	var from, to, zone any
	if r.Quiet != nil {
		from, to, zone = r.Quiet.From, r.Quiet.To, r.Quiet.Zone
	}
	return []any{
		r.ID, r.Name, r.Reason, r.Figure, r.Subjects, r.Direction, r.Threshold, r.Clear, int64(r.For / time.Second), int64(r.Renotify / time.Second),
		r.Severity, r.NoData, from, to, zone, r.Enabled, labels(r.Labels), r.Updated,
	}
}

// AddAlertRule stores a new rule with its receivers. An id that is taken is
// fault.Conflict "rule_exists", more rules than most fault.Conflict "too_many".
func (s *Store) AddAlertRule(ctx context.Context, rule AlertRule, most int) error {
	const op = "store.AddAlertRule"
	return s.changeAlertRules(ctx, op, func(ctx context.Context, tx pgx.Tx) error {
		var count int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM kept.alert_rules`).Scan(&count); err != nil {
			return err
		}
		if count >= most {
			return fault.E(op, fault.Conflict, "too_many", nil).WithMessage("There are as many rules as can be evaluated within a minute; delete one first.")
		}
		done, err := tx.Exec(ctx, `
			INSERT INTO kept.alert_rules (id, name, reason, shipped, figure, subjects, direction, threshold, clear, for_s, renotify_s,
				severity, no_data, quiet_from, quiet_to, quiet_zone, enabled, labels, revision, created, updated)
			VALUES ($1, $2, $3, false, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1, $18, $18)
			ON CONFLICT DO NOTHING`, rule.values()...)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return fault.E(op, fault.Conflict, "rule_exists", nil)
		}
		return putReceivers(ctx, tx, &rule)
	})
}

// PutAlertRule replaces a rule whose revision is still rule.Revision, else
// fault.Conflict "changed". What is open of it ends as outcome, unless that is
// "", and its states are forgotten with it.
func (s *Store) PutAlertRule(ctx context.Context, rule AlertRule, outcome string) error {
	const op = "store.PutAlertRule"
	return s.changeAlertRules(ctx, op, func(ctx context.Context, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `
			UPDATE kept.alert_rules SET name = $2, reason = $3, figure = $4, subjects = $5, direction = $6, threshold = $7, clear = $8,
			    for_s = $9, renotify_s = $10, severity = $11, no_data = $12, quiet_from = $13, quiet_to = $14, quiet_zone = $15,
			    enabled = $16, labels = $17, updated = $18, revision = revision + 1
			WHERE id = $1 AND revision = $19`, append(rule.values(), rule.Revision)...)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return fault.E(op, fault.Conflict, "changed", nil).WithMessage("Somebody else changed this rule meanwhile; read it again.")
		}
		if outcome != "" {
			if err := endAlertsOf(ctx, tx, rule.ID, outcome, rule.Updated); err != nil {
				return err
			}
		}
		return putReceivers(ctx, tx, &rule)
	})
}

// DeleteAlertRule removes a rule. What is open of it ends; what was not told yet
// is not told any more. fault.NotFound when there is none.
func (s *Store) DeleteAlertRule(ctx context.Context, id, outcome string, at time.Time) error {
	const op = "store.DeleteAlertRule"
	return s.changeAlertRules(ctx, op, func(ctx context.Context, tx pgx.Tx) error {
		if err := endAlertsOf(ctx, tx, id, outcome, at); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE kept.alert_deliveries SET status = 'canceled', finished = now() WHERE rule = $1 AND status = 'queued'`, id); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `DELETE FROM kept.alert_rules WHERE id = $1`, id)
		if err == nil && done.RowsAffected() == 0 {
			return noAlertRule(op)
		}
		return err
	})
}

// changeAlertRules moves the version first: an evaluation that is under way with
// the rules as they were is refused.
func (s *Store) changeAlertRules(ctx context.Context, op string, change func(ctx context.Context, tx pgx.Tx) error) error {
	return s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE kept.alert_head SET version = version + 1`); err != nil {
			return err
		}
		return change(ctx, tx)
	})
}

// endAlertsOf ends what is open of a rule and tells those who were told.
func endAlertsOf(ctx context.Context, tx pgx.Tx, rule, outcome string, at time.Time) error {
	// What waits for the end of quiet hours was told nobody, and is not told.
	if _, err := tx.Exec(ctx, `
		UPDATE kept.alert_deliveries d SET status = 'canceled', finished = now() FROM kept.alerts a
		WHERE a.rule = $1 AND a.ended IS NULL AND d.alert = a.id AND d.status = 'queued' AND d.attempts = 0`, rule); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO kept.alert_deliveries (alert, rule, receiver, kind, shown, event, at, value, outcome, due, status, attempts)
		SELECT a.id, a.rule, r.id, r.kind, r.shown, 'ended', $3, a.value, $2, now(), 'queued', 0
		FROM kept.alerts a JOIN kept.alert_receivers r ON r.rule = a.rule
		WHERE a.rule = $1 AND a.ended IS NULL AND EXISTS (
		    SELECT FROM kept.alert_deliveries d WHERE d.alert = a.id AND d.receiver = r.id AND d.status <> 'canceled')`, rule, outcome, at); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE kept.alerts SET ended = greatest($3, opened), outcome = $2 WHERE rule = $1 AND ended IS NULL`, rule, outcome, at); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM kept.alert_states WHERE rule = $1`, rule)
	return err
}

// putReceivers replaces a rule's receivers. What waits for one that is gone is
// told nobody.
func putReceivers(ctx context.Context, tx pgx.Tx, rule *AlertRule) error {
	ids := column(rule.Receivers, func(r AlertReceiver) string { return r.ID })
	if _, err := tx.Exec(ctx, `DELETE FROM kept.alert_receivers WHERE rule = $1`, rule.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE kept.alert_deliveries SET status = 'canceled', finished = now()
		WHERE rule = $1 AND status = 'queued' AND NOT receiver = ANY($2)`, rule.ID, ids); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO kept.alert_receivers (rule, id, kind, shown, sealed, key)
		SELECT $1, r.* FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[]) AS r(id, kind, shown, sealed, key)`,
		rule.ID, ids, column(rule.Receivers, func(r AlertReceiver) string { return r.Kind }),
		column(rule.Receivers, func(r AlertReceiver) string { return r.Shown }), column(rule.Receivers, func(r AlertReceiver) []byte { return r.Sealed }),
		column(rule.Receivers, func(r AlertReceiver) string { return r.Key }))
	return err
}
