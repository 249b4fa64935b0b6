package alert

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Book is what an evaluation reads and writes; *store.Store is one.
type Book interface {
	AlertBook(ctx context.Context) (store.AlertBook, error)
	SaveAlerts(ctx context.Context, changes store.AlertChanges) error
}

// Options are an evaluator's parts.
type Options struct {
	Book      Book
	Figures   Catalogue
	Deliverer *Deliverer // nil: what is to be told waits in the queue
	// Clock is what values' ages, conditions and quiet hours are reckoned by.
	Clock   func() time.Time
	Logger  *zap.Logger
	Metrics *telemetry.Metrics // nil: none
	Faults  *fault.Recorder    // nil: nobody keeps account
}

// Evaluator evaluates the rules and has people told.
type Evaluator struct{ Options }

// NewEvaluator returns an evaluator.
func NewEvaluator(options Options) *Evaluator {
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	return &Evaluator{options}
}

// Report says what a run did.
type Report struct {
	Rules    int
	Subjects int
	Opened   int
	Ended    int
	Problems int  // rules whose figure could not be had
	Lost     bool // somebody else evaluated at the same time
	Delivery DeliveryReport
}

const (
	// evaluateBudget is the most that figures and database take of a run.
	evaluateBudget = 15 * time.Second
	// observeBudget is the most that one figure takes.
	observeBudget = 5 * time.Second
	// mostOpen is the most alerts that one rule has open: a rule that opens more
	// is wrong, and would bury everything else.
	mostOpen = 200
	// rereads is how often an evaluation begins anew because rules changed under it.
	rereads = 3
)

// Run evaluates every rule once and then sends what is due. The second is tried
// whatever becomes of the first, and takes no longer than DeliveryBudget: a run
// ends in time, whoever does not answer. It may be killed anywhere, run twice at
// once and be late.
func (e *Evaluator) Run(ctx context.Context) (Report, error) {
	started := time.Now()
	report, err := e.evaluate(ctx)
	if e.Deliverer != nil && ctx.Err() == nil {
		var sendErr error
		report.Delivery, sendErr = e.Deliverer.Run(ctx)
		err = errors.Join(err, sendErr)
	}
	e.emit(ctx, report, started, err)
	return report, err
}

func (e *Evaluator) evaluate(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, evaluateBudget)
	defer cancel()
	book, err := e.Book.AlertBook(ctx)
	for range rereads {
		if err != nil || len(book.Rules) == 0 {
			return Report{}, err
		}
		changes, report := e.decide(ctx, &book)
		if err = e.Book.SaveAlerts(ctx, changes); fault.ReasonOf(err) != "fenced" {
			return report, err
		}
		was := book.Evaluated
		if book, err = e.Book.AlertBook(ctx); err == nil && !book.Evaluated.Equal(was) {
			return Report{Lost: true}, nil // what was seen is written, by somebody else
		}
	}
	return Report{}, err
}

// decide observes what the rules ask about and makes each subject's step.
func (e *Evaluator) decide(ctx context.Context, book *store.AlertBook) (store.AlertChanges, Report) {
	now := e.Clock().UTC().Truncate(time.Microsecond) // as the database keeps it
	d := decision{now: now, changes: store.AlertChanges{Version: book.Version, At: now}, states: map[string][]store.AlertState{}}
	for _, state := range book.States {
		d.states[state.Rule] = append(d.states[state.Rule], state)
	}
	seen := e.observe(ctx, now, book.Rules)
	for i := range book.Rules {
		d.rule(&book.Rules[i], seen[book.Rules[i].Figure])
	}
	return d.changes, d.report
}

// seen is what one figure showed.
type seen struct {
	Observation
	description Description
	problem     string // why it showed nothing
}

// observe asks each figure once for all rules about it.
func (e *Evaluator) observe(ctx context.Context, now time.Time, rules []store.AlertRule) map[string]*seen {
	subjects := map[string][]string{}
	for _, rule := range rules {
		subjects[rule.Figure] = append(subjects[rule.Figure], rule.Subjects...)
	}
	all := map[string]*seen{}
	for name, wanted := range subjects {
		slices.Sort(wanted)
		all[name] = e.look(ctx, now, name, slices.Compact(wanted))
	}
	return all
}

func (e *Evaluator) look(ctx context.Context, now time.Time, name string, subjects []string) *seen {
	figure, known := e.Figures.Find(name)
	if !known {
		return &seen{problem: "this program has no figure " + name}
	}
	ctx, cancel := context.WithTimeout(ctx, observeBudget)
	defer cancel()
	s := &seen{description: figure.Describe()}
	observed, err := figure.Observe(ctx, now, subjects)
	if err != nil {
		e.Faults.Note(ctx, err)
		e.Logger.Warn("a figure could not be had", zap.String("figure", name), zap.Error(err))
		s.problem = "the figure could not be had: " + fault.ReasonOf(err)
		return s
	}
	s.Observation = observed
	if age := now.Sub(s.AsOf); s.description.MaxAge > 0 && age > s.description.MaxAge {
		s.Observation = Observation{AsOf: s.AsOf}
		s.problem = "the figure is " + age.Truncate(time.Second).String() + " old"
		if s.AsOf.IsZero() {
			s.problem = "nothing was recorded yet"
		}
	}
	return s
}

// decision is an evaluation while it is made.
type decision struct {
	now     time.Time
	states  map[string][]store.AlertState // by rule
	changes store.AlertChanges
	report  Report
}

func (d *decision) rule(rule *store.AlertRule, seen *seen) {
	known := map[string]store.AlertState{}
	open := 0
	for _, state := range d.states[rule.ID] {
		known[state.Subject] = state
		if state.OpenKind != "" {
			open++
		}
	}
	problem := seen.problem
	for _, reading := range readings(rule, known, seen) {
		state := known[reading.Subject]
		state.Rule, state.Subject = rule.ID, reading.Subject
		change := step(rule, state, reading.Value, seen.AsOf, d.now)
		if change.opens != "" && open >= mostOpen {
			problem = "more than " + strconv.Itoa(mostOpen) + " alerts of this rule would be open: the others wait until some end"
			continue
		}
		if change.opens != "" {
			open++
		}
		d.add(rule, seen, reading, state, change)
	}
	d.report.Rules++
	if problem != "" {
		d.report.Problems++
	}
	d.changes.Looks = append(d.changes.Looks, store.AlertLook{Rule: rule.ID, Problem: problem})
}

// readings are those a rule is about: of the subjects it names, of those that
// match its patterns, and of those that something is remembered of. Each subject
// has one, whatever a figure says twice.
func readings(rule *store.AlertRule, known map[string]store.AlertState, seen *seen) []Reading {
	found := map[string]Reading{}
	for subject := range known {
		found[subject] = Reading{Subject: subject, Value: seen.Rest}
	}
	for _, subject := range rule.Subjects {
		if !isPattern(subject) {
			found[subject] = Reading{Subject: subject, Value: seen.Rest}
		}
	}
	told := map[string]bool{}
	for _, reading := range seen.Readings {
		_, named := found[reading.Subject]
		if told[reading.Subject] || !named && !Wanted(rule.Subjects, reading.Subject) {
			continue
		}
		told[reading.Subject] = true
		if reading.Value != nil && !finite(*reading.Value) {
			reading.Value = nil
		}
		found[reading.Subject] = reading
	}
	all := make([]Reading, 0, len(found))
	for _, subject := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[subject])
	}
	return all
}

// add writes down what a subject's step changes.
func (d *decision) add(rule *store.AlertRule, seen *seen, reading Reading, before store.AlertState, c change) {
	d.report.Subjects++
	subject := store.AlertSubject{Rule: rule.ID, Subject: reading.Subject}
	if c.opens != "" {
		d.report.Opened++
		d.changes.Opened = append(d.changes.Opened, store.Alert{
			Rule: rule.ID, RuleName: rule.Name, Figure: rule.Figure, Unit: seen.description.Unit, Subject: reading.Subject,
			Severity: rule.Severity, Kind: c.opens, Direction: rule.Direction, Threshold: rule.Threshold, Clear: rule.Clear,
			Labels: rule.Labels, Detail: reading.Detail, Value: reading.Value, ValueAt: c.state.ValueAt, Silent: reading.Value == nil,
		})
	}
	if before.OpenKind != "" {
		d.changes.Seen = append(d.changes.Seen, store.AlertSeen{
			AlertSubject: subject, Value: reading.Value, ValueAt: c.state.ValueAt, Silent: reading.Value == nil,
		})
	}
	if c.ends != "" {
		d.report.Ended++
		d.changes.Ended = append(d.changes.Ended, store.AlertEnded{AlertSubject: subject, Outcome: c.ends, Unsaid: c.unsaid})
	}
	for _, note := range c.notes {
		d.changes.Notes = append(d.changes.Notes, store.AlertNote{
			AlertSubject: subject, Event: note.event, Value: reading.Value, Outcome: c.ends, Delay: note.delay,
		})
	}
	switch {
	case c.state.Phase != phaseOK || slices.Contains(rule.Subjects, reading.Subject):
		d.changes.States = append(d.changes.States, c.state)
	case !before.At.IsZero():
		d.changes.Forget = append(d.changes.Forget, subject)
	}
}

func (e *Evaluator) emit(ctx context.Context, report Report, started time.Time, err error) {
	if e.Metrics == nil {
		return
	}
	count := func(n int) telemetry.Value { return telemetry.Value{Value: float64(n), Unit: telemetry.Count} }
	values := map[string]telemetry.Value{
		"alert_rules": count(report.Rules), "alerts_opened": count(report.Opened), "alerts_ended": count(report.Ended),
		"alert_problems": count(report.Problems), "alerts_delivered": count(report.Delivery.Delivered),
		"alert_attempts_failed": count(report.Delivery.Failed),
		"alerts_ms":             {Value: float64(time.Since(started).Milliseconds()), Unit: telemetry.Milliseconds},
	}
	outcome, fields := "done", []zap.Field(nil)
	switch {
	case err != nil:
		outcome, fields = string(fault.ClassOf(err)), []zap.Field{zap.Error(err)}
	case report.Lost:
		outcome = "lost"
	}
	e.Metrics.Emit(ctx, "alerts", outcome, values, fields...)
}
