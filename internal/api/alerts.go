package api

import (
	"context"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Alerts are what rules found and whom they told; *store.Store has them.
type Alerts interface {
	Alerts(ctx context.Context, query store.AlertQuery) ([]store.Alert, error)
	AlertsEvaluated(ctx context.Context) (time.Time, error)
	Deliveries(ctx context.Context, query store.DeliveryQuery) ([]store.DeliveryRow, error)
	AlertRules(ctx context.Context) ([]store.AlertRule, error)
	AlertRule(ctx context.Context, id string) (store.AlertRule, []store.AlertState, error)
}

// AlertsGroup registers the operations of api-alerts.
func AlertsGroup(s *service) {
	list(s, Operation{
		Path: "/api/alerts", Summary: "What rules found: open alerts, and those that ended in the span", Keep: -1,
		Description: "The last opened first, 10,000 at most. Rules are evaluated once a minute: as_of is when. Conditions of the program itself, which need no rule, are in /api/errors/alerts; a rule over the figure condition has people told of them.",
		Example:     "/api/alerts?hours=24&state=open",
	}, List[RaisedAlert]{Key: "alerts", ID: "id", Keys: RaisedKeys{}, Timestamp: true}, s.raised)
	list(s, Operation{
		Path: "/api/alerts/deliveries", Summary: "Who was told, or is to be, and how each attempt went", Keep: -1,
		Description: "The newest first, of one alert, of one rule, or of all. Bodies are kept nowhere.",
		Example:     "/api/alerts/deliveries?rule=data-stale&days=7",
	}, List[AlertDeliveryRow]{Key: "deliveries", ID: "id"}, s.deliveries)
	s.alertRules()
}

// RaisedAlert is one alert of one subject of a rule, with the condition as it
// was when it opened.
type RaisedAlert struct {
	ID          string            `json:"id"`
	Rule        string            `json:"rule" doc:"id of the rule; it may be gone by now"`
	Name        string            `json:"name" doc:"of the rule"`
	State       string            `json:"state" enum:"open,no_data,ended" doc:"no_data: open, while its figure cannot be had"`
	Severity    string            `json:"severity" enum:"info,warning,critical"`
	Kind        string            `json:"kind" enum:"threshold,no_data" doc:"what it is about: a value, or the lack of one"`
	Figure      string            `json:"figure"`
	Subject     string            `json:"subject"`
	Unit        string            `json:"unit"`
	Value       *float64          `json:"value" doc:"the last that was known while it was open"`
	Worst       *float64          `json:"worst" doc:"the value that went furthest"`
	ValueAt     *time.Time        `json:"value_at" doc:"what moment the value describes"`
	Direction   string            `json:"direction" enum:"above,below"`
	Threshold   float64           `json:"threshold"`
	Clear       float64           `json:"clear" doc:"it ends at this value, or on its other side"`
	Detail      *string           `json:"detail" doc:"what the figure said of the subject when it opened"`
	Opened      time.Time         `json:"opened"`
	Ended       *time.Time        `json:"ended" doc:"null while it is open"`
	Outcome     *string           `json:"outcome" doc:"why it ended: cleared, data_back, no_data, rule_changed, rule_disabled, rule_deleted"`
	Labels      map[string]string `json:"labels"`
	Delivered   int               `json:"delivered" doc:"notifications that arrived"`
	Waiting     int               `json:"waiting" doc:"notifications that wait: for another attempt, or for the end of quiet hours"`
	Undelivered int               `json:"undelivered" doc:"notifications that were given up"`
}

// RaisedKeys are the keys beside the alerts.
type RaisedKeys struct {
	Total    int `json:"total" doc:"of those that match"`
	Open     int `json:"open"`
	Critical int `json:"critical" doc:"open ones"`
}

type raisedInput struct {
	ListParams
	SpanParams
	State    string `query:"state" enum:"open,ended" doc:"open (those without data as well) or ended; both when not given"`
	Severity string `query:"severity" enum:"info,warning,critical"`
	Rule     string `query:"rule" doc:"id of a rule" maxLength:"64"`
	Figure   string `query:"figure" maxLength:"64"`
	Subject  string `query:"subject" maxLength:"100"`
}

// alertSpan is what one request may ask of alerts.
func alertSpan() spanRule { return spanRule{usual: 24 * time.Hour, longest: 366 * 24 * time.Hour} }

// evaluationsLate is when alerts are stale: two evaluations were missed.
const evaluationsLate = 3 * time.Minute

func (s *service) raised(ctx context.Context, input *raisedInput) (Rows[RaisedAlert], error) {
	span, err := s.span(ctx, &input.SpanParams, alertSpan())
	if err != nil {
		return Rows[RaisedAlert]{}, err
	}
	found, err := s.Alerts.Alerts(ctx, store.AlertQuery{From: span.from, To: span.to, Rule: input.Rule, Limit: longestPage})
	if err != nil {
		return Rows[RaisedAlert]{}, err
	}
	evaluated, err := s.Alerts.AlertsEvaluated(ctx)
	if err != nil {
		return Rows[RaisedAlert]{}, err
	}
	rows := Rows[RaisedAlert]{AsOf: evaluated, Stale: !evaluated.IsZero() && s.Clock().Sub(evaluated) > evaluationsLate, Keys: raisedKeys}
	for i := range found {
		if row := raisedRow(&found[i]); input.wants(&row) {
			rows.All = append(rows.All, row)
		}
	}
	return rows, nil
}

func (in *raisedInput) wants(row *RaisedAlert) bool {
	is := func(wanted, is string) bool { return wanted == "" || wanted == is }
	state := "open"
	if row.Ended != nil {
		state = "ended"
	}
	return is(in.State, state) && is(in.Severity, row.Severity) && is(in.Figure, row.Figure) && is(in.Subject, row.Subject)
}

func raisedKeys(matched []RaisedAlert) any {
	keys := RaisedKeys{Total: len(matched)}
	for i := range matched {
		if matched[i].Ended != nil {
			continue
		}
		keys.Open++
		if matched[i].Severity == "critical" {
			keys.Critical++
		}
	}
	return keys
}

func raisedRow(a *store.Alert) RaisedAlert {
	row := RaisedAlert{
		ID: strconv.FormatInt(a.ID, 10), Rule: a.Rule, Name: a.RuleName, State: "open", Severity: a.Severity, Kind: a.Kind,
		Figure: a.Figure, Subject: a.Subject, Unit: a.Unit, Value: a.Value, Worst: a.Worst, ValueAt: utc(a.ValueAt),
		Direction: a.Direction, Threshold: a.Threshold, Clear: a.Clear, Detail: textOrNull(a.Detail), Opened: a.Opened.UTC(),
		Ended: utc(a.Ended), Outcome: textOrNull(a.Outcome), Labels: a.Labels,
		Delivered: a.Delivered, Waiting: a.Waiting, Undelivered: a.Failed,
	}
	switch {
	case row.Ended != nil:
		row.State = "ended"
	case a.Silent:
		row.State = "no_data"
	}
	return row
}

// AlertDeliveryRow is one notification to one receiver.
type AlertDeliveryRow struct {
	ID       string            `json:"id" doc:"the same in every attempt: the header Skyledger-Delivery"`
	Alert    *string           `json:"alert" doc:"id of the alert; null for a test"`
	Rule     string            `json:"rule"`
	Receiver string            `json:"receiver" doc:"id within the rule"`
	Kind     string            `json:"kind" enum:"webhook,discord,slack,sns"`
	Target   string            `json:"target" doc:"whose it is; the rest of the address is a secret"`
	Event    string            `json:"event" enum:"opened,reminder,ended,test"`
	Status   string            `json:"status" enum:"queued,delivered,failed,canceled" doc:"failed: given up; canceled: over before it was told, or its receiver is gone"`
	Created  time.Time         `json:"created" doc:"by the database's clock, as the next ones"`
	Due      *time.Time        `json:"due" doc:"when it is tried next; null where it is not"`
	Finished *time.Time        `json:"finished"`
	Begun    int               `json:"attempts_begun" doc:"more than attempts lists where a process was killed while it sent"`
	Attempts []DeliveryAttempt `json:"attempts"`
}

// DeliveryAttempt is how one attempt went.
type DeliveryAttempt struct {
	No      int       `json:"no"`
	At      time.Time `json:"at"`
	TookMS  float64   `json:"took_ms"`
	Status  *int      `json:"status" doc:"of HTTP; null where nobody answered"`
	Outcome string    `json:"outcome" doc:"delivered, or what was wrong"`
}

type deliveriesInput struct {
	ListParams
	SpanParams
	Alert string `query:"alert" pattern:"^([0-9]{1,18})?$" doc:"id of an alert" maxLength:"18"`
	Rule  string `query:"rule" doc:"id of a rule" maxLength:"64"`
}

func (s *service) deliveries(ctx context.Context, input *deliveriesInput) (Rows[AlertDeliveryRow], error) {
	span, err := s.span(ctx, &input.SpanParams, alertSpan())
	if err != nil {
		return Rows[AlertDeliveryRow]{}, err
	}
	query := store.DeliveryQuery{Rule: input.Rule, From: span.from, To: span.to, Limit: longestPage}
	if input.Alert != "" {
		if query.Alert, err = strconv.ParseInt(input.Alert, 10, 64); err != nil {
			return Rows[AlertDeliveryRow]{}, invalid(ctx, "alert", input.Alert, "is no id of an alert")
		}
	}
	found, err := s.Alerts.Deliveries(ctx, query)
	if err != nil {
		return Rows[AlertDeliveryRow]{}, err
	}
	rows := Rows[AlertDeliveryRow]{AsOf: s.Clock()}
	for i := range found {
		rows.All = append(rows.All, deliveryRow(&found[i]))
	}
	return rows, nil
}

func deliveryRow(d *store.DeliveryRow) AlertDeliveryRow {
	row := AlertDeliveryRow{
		ID: strconv.FormatInt(d.ID, 10), Rule: d.Rule, Receiver: d.Receiver, Kind: d.Kind, Target: d.Shown, Event: d.Event, Status: d.Status,
		Created: d.Created.UTC(), Finished: utc(d.Finished), Begun: d.Begun, Attempts: []DeliveryAttempt{},
	}
	if d.Alert != nil {
		id := strconv.FormatInt(*d.Alert, 10)
		row.Alert = &id
	}
	if d.Status == "queued" && d.Event != alert.EventTest {
		row.Due = utc(d.Due)
	}
	for _, a := range d.Attempts {
		row.Attempts = append(row.Attempts, DeliveryAttempt{No: a.No, At: a.At.UTC(), TookMS: a.TookMS, Status: a.Status, Outcome: a.Outcome})
	}
	return row
}
