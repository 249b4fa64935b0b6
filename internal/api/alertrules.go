package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// RuleDesk changes rules; *alert.Editor does. Its errors say what is wrong with
// what was asked.
type RuleDesk interface {
	Add(ctx context.Context, rule store.AlertRule, receivers []alert.Receiver) (store.AlertRule, error)
	Put(ctx context.Context, rule store.AlertRule, revision int64, receivers []alert.Receiver) (store.AlertRule, error)
	Delete(ctx context.Context, id string) error
}

// TestFire sends a test to a rule's receivers; *alert.Deliverer does.
type TestFire interface {
	Test(ctx context.Context, rule string, at time.Time) ([]store.AlertDelivery, []store.DeliveryResult, error)
}

// QuietBody is when nobody is to be told.
type QuietBody struct {
	From string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"first minute, as 22:00"`
	To   string `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"end, exclusive; earlier than from: on the next day"`
	Zone string `json:"zone" maxLength:"60" doc:"IANA name of the time zone, as Europe/London"`
}

// ReceiverBody is who is to be told.
type ReceiverBody struct {
	ID     string `json:"id" required:"false" maxLength:"20" doc:"of a receiver that the rule has: what is not given stays as it is"`
	Kind   string `json:"kind" enum:"webhook,discord,slack,sns"`
	URL    string `json:"url" required:"false" maxLength:"2000" doc:"of a webhook, Discord or Slack; it is kept and never shown again"`
	Secret string `json:"secret" required:"false" maxLength:"200" doc:"that a webhook is signed with, 16 characters at least; never shown again"`
	Topic  string `json:"topic_arn" required:"false" maxLength:"400" doc:"of sns"`
}

// RuleBody is a rule as people give it.
type RuleBody struct {
	Name      string            `json:"name" maxLength:"200"`
	Reason    string            `json:"reason" required:"false" maxLength:"1000" doc:"why it is worth an alert"`
	Figure    string            `json:"figure" maxLength:"100" doc:"one of figures in /api/alerts/rules"`
	Subjects  []string          `json:"subjects" required:"false" maxItems:"100" nullable:"false" doc:"names or, where the figure takes them, patterns such as EG*; network when not given"`
	Direction string            `json:"direction" enum:"above,below"`
	Threshold float64           `json:"threshold" doc:"beyond it the condition holds"`
	Clear     *float64          `json:"clear" required:"false" doc:"an alert ends at this value or on its other side; the threshold when not given"`
	ForS      int               `json:"for_s" required:"false" minimum:"0" maximum:"86400" doc:"seconds that the condition must be seen to hold"`
	RenotifyS int               `json:"renotify_s" required:"false" minimum:"0" maximum:"2592000" doc:"seconds after which an alert that is still open is told again; 0 for never"`
	Severity  string            `json:"severity" required:"false" enum:"info,warning,critical" default:"warning"`
	NoData    string            `json:"no_data" required:"false" enum:"hold,end,notify" default:"hold" doc:"what becomes of an alert whose figure cannot be had: it stays, it ends, or (notify) the lack of data is itself an alert after for_s"`
	Quiet     *QuietBody        `json:"quiet_hours" required:"false" doc:"alerts that begin in them are told at their end, if they last until then"`
	Enabled   *bool             `json:"enabled" required:"false" doc:"true when not given"`
	Labels    map[string]string `json:"labels" required:"false" doc:"go with every notification"`
	Receivers []ReceiverBody    `json:"receivers" required:"false" maxItems:"20" nullable:"false"`
	Revision  int64             `json:"revision" required:"false" minimum:"0" doc:"that the change was made to; another one is a conflict"`
}

// AlertReceiverRow is who is told, without the way in.
type AlertReceiverRow struct {
	ID        string `json:"id"`
	Kind      string `json:"kind" enum:"webhook,discord,slack,sns"`
	Target    string `json:"target" doc:"whose it is; the rest of the address is a secret"`
	Encrypted bool   `json:"encrypted" doc:"whether the address and secret are encrypted where they are kept (ALERT_KEY)"`
}

// AlertRuleRow is a rule.
type AlertRuleRow struct {
	ID        string             `json:"id"`
	Name      string             `json:"name"`
	Reason    string             `json:"reason"`
	Shipped   bool               `json:"shipped" doc:"whether it came with the program"`
	Figure    string             `json:"figure"`
	Subjects  []string           `json:"subjects"`
	Direction string             `json:"direction" enum:"above,below"`
	Threshold float64            `json:"threshold"`
	Clear     float64            `json:"clear"`
	ForS      int                `json:"for_s"`
	RenotifyS int                `json:"renotify_s"`
	Severity  string             `json:"severity" enum:"info,warning,critical"`
	NoData    string             `json:"no_data" enum:"hold,end,notify"`
	Quiet     *QuietBody         `json:"quiet_hours"`
	Enabled   bool               `json:"enabled"`
	Labels    map[string]string  `json:"labels"`
	Receivers []AlertReceiverRow `json:"receivers"`
	Revision  int64              `json:"revision"`
	Created   time.Time          `json:"created"`
	Updated   time.Time          `json:"updated"`
	Evaluated *time.Time         `json:"evaluated" doc:"last; null for never"`
	Problem   *string            `json:"problem" doc:"what was wrong then; null for nothing"`
}

// AlertRuleAnswer is one rule with its subjects.
type AlertRuleAnswer struct {
	AlertRuleRow
	States []SubjectState `json:"states" doc:"of the subjects it names, and of those that are not as they should be"`
}

// SubjectState is what is known of a subject.
type SubjectState struct {
	Subject string     `json:"subject"`
	Phase   string     `json:"phase" enum:"ok,pending,open,no_data"`
	Since   time.Time  `json:"since" doc:"of the phase"`
	Open    bool       `json:"open" doc:"whether an alert is; without data it may be all the same"`
	Value   *float64   `json:"value" doc:"the last that was known"`
	ValueAt *time.Time `json:"value_at"`
}

// FigureRow is something that rules can be about.
type FigureRow struct {
	Figure   string `json:"figure"`
	Unit     string `json:"unit"`
	What     string `json:"what"`
	Subjects string `json:"subjects"`
	Patterns bool   `json:"patterns" doc:"whether subjects may be patterns such as EG*"`
	MaxAgeS  *int   `json:"max_age_s" doc:"an older value is no data; null for any age"`
}

// RulesKeys are the keys beside the rules.
type RulesKeys struct {
	Total   int         `json:"total"`
	Enabled int         `json:"enabled"`
	Figures []FigureRow `json:"figures" doc:"what rules can be about"`
}

const ruleExample = `{"name":"Heathrow centre is busy","figure":"pilots_online","subjects":["EGTT"],"direction":"above","threshold":120,"clear":100,"for_s":300,"receivers":[{"kind":"webhook","url":"https://example.org/alerts","secret":"sixteen or more characters"}]}`

func (s *service) alertRules() {
	const one = "/api/alerts/rules/{id}"
	list(s, Operation{
		Path: "/api/alerts/rules", Summary: "The rules, and the figures that rules can be about", Keep: -1,
		Description: "Where receivers are and what they are signed with is never shown.",
	}, List[AlertRuleRow]{Key: "rules", ID: "id", Keys: RulesKeys{}}, s.rules)
	object(s, Operation{
		Path: one, Summary: "One rule, with what is known of its subjects", Keep: -1, Example: "/api/alerts/rules/data-stale",
	}, s.rule)
	changed(s, Operation{
		Method: http.MethodPost, Path: "/api/alerts/rules", Summary: "Add a rule", Keep: -1, Scope: ScopeAdmin, ExampleBody: ruleExample,
		Description: "A figure or a subject that there is not is 422, with what there is. Needs a key with the scope admin.",
	}, http.StatusCreated, s.addRule)
	changed(s, Operation{
		Method: http.MethodPut, Path: one, Summary: "Replace a rule", Keep: -1, Scope: ScopeAdmin, Example: "/api/alerts/rules/data-stale", ExampleBody: ruleExample,
		Description: "What is open goes on where figure, subjects, levels, for_s, no_data and enabled stay the same; else it ends and those who were told are told so. Needs a key with the scope admin.",
	}, http.StatusOK, s.putRule)
	changed(s, Operation{
		Method: http.MethodDelete, Path: one, Summary: "Delete a rule", Keep: -1, Scope: ScopeAdmin, Example: "/api/alerts/rules/data-stale",
		Description: "What is open of it ends, and nobody is told any more. Needs a key with the scope admin.",
	}, http.StatusNoContent, s.deleteRule)
	object(s, Operation{
		Method: http.MethodPost, Path: one + "/test", Summary: "Send a test to each of a rule's receivers, now", Keep: -1, Scope: ScopeAdmin, Example: "/api/alerts/rules/data-stale/test",
		Description: "One attempt each, at the same time, 8 seconds at most. It is in the delivery log. Needs a key with the scope admin.",
	}, s.testRule)
}

// changedOutput is the answer of an operation that changes something.
type changedOutput[O any] struct {
	Status       int
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         *O
}

// changed registers an operation that changes something and answers with status.
// An answer that knows where it lies is located there.
func changed[I, O any](s *service, o Operation, status int, change func(context.Context, *I) (*O, error)) {
	operation := o.huma(s)
	operation.DefaultStatus = status
	if status == http.StatusNoContent {
		operation.Responses["204"] = &huma.Response{Description: "Done"}
	}
	register(s, o, operation, func(ctx context.Context, input *I) (*changedOutput[O], error) {
		body, err := change(ctx, input)
		if err != nil {
			return nil, err
		}
		output := &changedOutput[O]{Status: status, CacheControl: "no-store", Body: body}
		if located, ok := any(body).(interface{ location() string }); ok && status == http.StatusCreated {
			output.Location = located.location()
		}
		return output, nil
	})
}

func (r *AlertRuleRow) location() string { return "/api/alerts/rules/" + r.ID }

type rulesInput struct {
	ListParams
	Enabled string `query:"enabled" enum:"true,false" doc:"these alone"`
	Figure  string `query:"figure" maxLength:"64" doc:"about this figure alone"`
}

func (s *service) rules(ctx context.Context, input *rulesInput) (Rows[AlertRuleRow], error) {
	rules, err := s.Alerts.AlertRules(ctx)
	if err != nil {
		return Rows[AlertRuleRow]{}, err
	}
	rows := Rows[AlertRuleRow]{AsOf: s.Clock(), Keys: s.rulesKeys}
	for i := range rules {
		row := ruleRow(&rules[i])
		if (input.Enabled == "" || input.Enabled == strconv.FormatBool(row.Enabled)) && (input.Figure == "" || input.Figure == row.Figure) {
			rows.All = append(rows.All, row)
		}
	}
	return rows, nil
}

func (s *service) rulesKeys(matched []AlertRuleRow) any {
	keys := RulesKeys{Total: len(matched), Figures: []FigureRow{}}
	for i := range matched {
		if matched[i].Enabled {
			keys.Enabled++
		}
	}
	for _, d := range s.Figures.Descriptions() {
		row := FigureRow{Figure: d.Name, Unit: d.Unit, What: d.What, Subjects: d.Subjects, Patterns: d.Every}
		if d.MaxAge > 0 {
			row.MaxAgeS = seconds(d.MaxAge)
		}
		keys.Figures = append(keys.Figures, row)
	}
	return keys
}

type ruleInput struct {
	Conditional
	ID string `path:"id" maxLength:"64"`
}

func (s *service) rule(ctx context.Context, input *ruleInput) (*AlertRuleAnswer, error) {
	rule, states, err := s.Alerts.AlertRule(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	answer := &AlertRuleAnswer{AlertRuleRow: ruleRow(&rule), States: []SubjectState{}}
	for _, state := range states {
		answer.States = append(answer.States, SubjectState{
			Subject: state.Subject, Phase: state.Phase, Since: state.Since.UTC(), Open: state.OpenKind != "", Value: state.Value, ValueAt: utc(state.ValueAt),
		})
	}
	return answer, nil
}

type addRuleInput struct{ Body RuleBody }

func (s *service) addRule(ctx context.Context, input *addRuleInput) (*AlertRuleRow, error) {
	rule, receivers := input.Body.rule()
	return answerRule(s.Desk.Add(ctx, rule, receivers))
}

type putRuleInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body RuleBody
}

func (s *service) putRule(ctx context.Context, input *putRuleInput) (*AlertRuleRow, error) {
	rule, receivers := input.Body.rule()
	rule.ID = input.ID
	return answerRule(s.Desk.Put(ctx, rule, input.Body.Revision, receivers))
}

func answerRule(rule store.AlertRule, err error) (*AlertRuleRow, error) {
	if err != nil {
		return nil, err
	}
	row := ruleRow(&rule)
	return &row, nil
}

type idInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *service) deleteRule(ctx context.Context, input *idInput) (*struct{}, error) {
	return nil, s.Desk.Delete(ctx, input.ID)
}

// TestAnswer is what became of a test.
type TestAnswer struct {
	Rule      string       `json:"rule"`
	Delivered int          `json:"delivered"`
	Results   []TestResult `json:"results" doc:"of each receiver; empty where the rule has none"`
	Stamped
}

// TestResult is what became of one receiver's.
type TestResult struct {
	Delivery  string  `json:"delivery" doc:"id, as in the delivery log"`
	Receiver  string  `json:"receiver"`
	Kind      string  `json:"kind"`
	Target    string  `json:"target"`
	Delivered bool    `json:"delivered"`
	Status    *int    `json:"status" doc:"of HTTP; null where nobody answered"`
	TookMS    float64 `json:"took_ms"`
	Outcome   string  `json:"outcome" doc:"delivered, or what was wrong"`
}

func (s *service) testRule(ctx context.Context, input *idInput) (*TestAnswer, error) {
	if _, _, err := s.Alerts.AlertRule(ctx, input.ID); err != nil {
		return nil, err
	}
	deliveries, results, err := s.TestFire.Test(ctx, input.ID, s.Clock().UTC())
	if err != nil {
		return nil, err
	}
	answer := &TestAnswer{Rule: input.ID, Results: []TestResult{}}
	for i, result := range results {
		receiver := deliveries[i].Receiver
		if result.OK {
			answer.Delivered++
		}
		answer.Results = append(answer.Results, TestResult{
			Delivery: strconv.FormatInt(result.ID, 10), Receiver: receiver.ID, Kind: receiver.Kind, Target: receiver.Shown,
			Delivered: result.OK, Status: result.Status, TookMS: float64(result.Took) / float64(time.Millisecond), Outcome: result.Outcome,
		})
	}
	return answer, nil
}

// rule is the body in the store's terms.
func (b *RuleBody) rule() (store.AlertRule, []alert.Receiver) {
	rule := store.AlertRule{
		Name: b.Name, Reason: b.Reason, Figure: b.Figure, Subjects: b.Subjects, Direction: b.Direction, Threshold: b.Threshold, Clear: b.Threshold,
		For: time.Duration(b.ForS) * time.Second, Renotify: time.Duration(b.RenotifyS) * time.Second,
		Severity: b.Severity, NoData: b.NoData, Enabled: b.Enabled == nil || *b.Enabled, Labels: b.Labels,
	}
	if rule.Labels == nil {
		rule.Labels = map[string]string{}
	}
	if b.Subjects == nil {
		rule.Subjects = []string{alert.Network}
	}
	if b.Clear != nil {
		rule.Clear = *b.Clear
	}
	if b.Quiet != nil {
		rule.Quiet = &store.QuietHours{From: minuteOf(b.Quiet.From), To: minuteOf(b.Quiet.To), Zone: b.Quiet.Zone}
	}
	var receivers []alert.Receiver
	for _, r := range b.Receivers {
		receivers = append(receivers, alert.Receiver{ID: r.ID, Kind: r.Kind, URL: r.URL, Secret: r.Secret, Topic: r.Topic})
	}
	return rule, receivers
}

// minuteOf reads hours and minutes; −1 for what is none.
func minuteOf(clock string) int {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return -1
	}
	return at.Hour()*60 + at.Minute()
}

func ruleRow(r *store.AlertRule) AlertRuleRow {
	row := AlertRuleRow{
		ID: r.ID, Name: r.Name, Reason: r.Reason, Shipped: r.Shipped, Figure: r.Figure, Subjects: r.Subjects, Direction: r.Direction,
		Threshold: r.Threshold, Clear: r.Clear, ForS: int(r.For / time.Second), RenotifyS: int(r.Renotify / time.Second),
		Severity: r.Severity, NoData: r.NoData, Enabled: r.Enabled, Labels: r.Labels, Receivers: []AlertReceiverRow{},
		Revision: r.Revision, Created: r.Created.UTC(), Updated: r.Updated.UTC(), Evaluated: utc(r.Looked), Problem: textOrNull(r.Problem),
	}
	if q := r.Quiet; q != nil {
		clock := func(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
		row.Quiet = &QuietBody{From: clock(q.From), To: clock(q.To), Zone: q.Zone}
	}
	for _, receiver := range r.Receivers {
		row.Receivers = append(row.Receivers, AlertReceiverRow{ID: receiver.ID, Kind: receiver.Kind, Target: receiver.Shown, Encrypted: receiver.Key != ""})
	}
	return row
}
