package alert

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/store"
)

// noon is the time of the first evaluation in most tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// above is a rule that holds above 10, is over at 5 and waits for two minutes.
func above(change ...func(*store.AlertRule)) *store.AlertRule {
	rule := &store.AlertRule{
		ID: "r", Name: "Rule", Figure: "figure", Subjects: []string{Network}, Direction: store.AlertAbove, Threshold: 10, Clear: 5,
		For: 2 * time.Minute, Severity: "warning", NoData: store.AlertHold, Enabled: true,
	}
	for _, adapt := range change {
		adapt(rule)
	}
	return rule
}

// look is one evaluation: so long after noon, with a value; none for no data.
type look struct {
	at    time.Duration
	value float64
	none  bool
	want  string // event, or outcome of an end; "" nothing
	phase string
}

const minute = time.Minute

func TestSteps(t *testing.T) {
	at := func(minutes int, value float64, want, phase string) look {
		return look{at: time.Duration(minutes) * minute, value: value, want: want, phase: phase}
	}
	gone := func(minutes int, want, phase string) look {
		return look{at: time.Duration(minutes) * minute, none: true, want: want, phase: phase}
	}
	with := func(change func(*store.AlertRule)) *store.AlertRule { return above(change) }
	tests := []struct {
		name  string
		rule  *store.AlertRule
		looks []look
	}{
		{"a condition opens an alert once it was seen to hold for long enough", above(), []look{
			at(0, 9, "", "ok"), at(1, 11, "", "pending"), at(2, 11, "", "pending"), at(3, 11, "opened", "open"), at(4, 11, "", "open"),
		}},
		{"without a time to wait it opens at once", with(func(r *store.AlertRule) { r.For = 0 }), []look{at(0, 11, "opened", "open")}},
		{"the threshold itself is not beyond it", with(func(r *store.AlertRule) { r.For = 0 }), []look{at(0, 10, "", "ok")}},
		{"a condition that lapses begins anew", above(), []look{
			at(0, 11, "", "pending"), at(1, 11, "", "pending"), at(2, 10, "", "ok"), at(3, 11, "", "pending"), at(4, 11, "", "pending"), at(5, 11, "opened", "open"),
		}},
		{"an alert ends at its clear level and not before", with(func(r *store.AlertRule) { r.For = 0 }), []look{
			at(0, 11, "opened", "open"), at(1, 7, "", "open"), at(2, 5.1, "", "open"), at(3, 11, "", "open"), at(4, 5, "cleared", "ok"), at(5, 7, "", "ok"),
		}},
		{"below is the same the other way round", with(func(r *store.AlertRule) { r.Direction, r.Threshold, r.Clear, r.For = store.AlertBelow, 5, 8, 0 }), []look{
			at(0, 5, "", "ok"), at(1, 4, "opened", "open"), at(2, 7, "", "open"), at(3, 8, "cleared", "ok"),
		}},
		{"missing data are not ok: an alert is held, and what waits goes on waiting", above(), []look{
			at(0, 11, "", "pending"), at(1, 11, "", "pending"), gone(2, "", "no_data"), gone(3, "", "no_data"),
			at(4, 11, "", "pending"), at(5, 11, "opened", "open"), gone(6, "", "no_data"), at(7, 7, "", "open"), at(8, 1, "cleared", "ok"),
		}},
		{"missing data end an alert where the rule says so", with(func(r *store.AlertRule) { r.For, r.NoData = 0, store.AlertEnd }), []look{
			at(0, 11, "opened", "open"), gone(1, "no_data", "no_data"), gone(2, "", "no_data"), at(3, 7, "", "ok"), at(4, 11, "opened", "open"),
		}},
		{"missing data are an alert where the rule says so, after its time", with(func(r *store.AlertRule) { r.NoData = store.AlertNotify }), []look{
			gone(0, "", "no_data"), gone(1, "", "no_data"), gone(2, "opened", "no_data"), gone(3, "", "no_data"), at(4, 1, "data_back", "ok"), gone(5, "", "no_data"),
		}},
		{"data that come back beyond the threshold wait like any other", with(func(r *store.AlertRule) { r.For, r.NoData = minute, store.AlertNotify }), []look{
			gone(0, "", "no_data"), gone(1, "opened", "no_data"), at(2, 11, "data_back", "pending"), at(3, 11, "opened", "open"),
		}},
		{"an hour in which nobody looked is not an hour of the condition", with(func(r *store.AlertRule) { r.For = 10 * minute }), []look{
			at(0, 11, "", "pending"), at(60, 11, "", "pending"), at(61, 11, "", "pending"), at(68, 11, "", "pending"), at(70, 11, "", "pending"), at(71, 11, "", "pending"), at(72, 11, "opened", "open"),
		}},
		{"a clock that goes back takes nothing away and gives nothing", above(), []look{
			at(10, 11, "", "pending"), at(11, 11, "", "pending"), at(5, 11, "", "pending"), at(6, 11, "opened", "open"),
		}},
		{"an alert is told again after a while", with(func(r *store.AlertRule) { r.For, r.Renotify = 0, 10*minute }), []look{
			at(0, 11, "opened", "open"), at(9, 11, "", "open"), at(10, 11, "reminder", "open"), at(19, 11, "", "open"), at(20, 7, "reminder", "open"), at(21, 1, "cleared", "ok"),
		}},
		{"a clock that was a year ahead keeps no reminder back", with(func(r *store.AlertRule) { r.For, r.Renotify = 0, 10*minute }), []look{
			at(365*24*60, 11, "opened", "open"), at(0, 11, "", "open"), at(10, 11, "reminder", "open"),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var state store.AlertState
			for i, look := range test.looks {
				var value *float64
				if !look.none {
					value = &look.value
				}
				now := noon.Add(look.at)
				c := step(test.rule, state, value, now, now)
				if got := saidOf(c); got != look.want || c.state.Phase != look.phase {
					t.Fatalf("look %d: %q, phase %s; want %q, %s (%+v)", i, got, c.state.Phase, look.want, look.phase, c.state)
				}
				state = c.state
			}
		})
	}
}

// saidOf is what a change tells people.
func saidOf(c change) string {
	switch {
	case c.opens != "":
		return EventOpened
	case c.ends != "":
		return c.ends
	case len(c.notes) > 0:
		return c.notes[0].event
	}
	return ""
}

func TestQuietHours(t *testing.T) {
	// London, overnight: summer time begins at 01:00 UTC on 29 March 2026.
	quiet := &store.QuietHours{From: 22 * 60, To: 6*60 + 30, Zone: "Europe/London"}
	for _, test := range []struct {
		name string
		now  string
		want time.Duration
	}{
		{"the minute before they begin", "2026-03-01T21:59:59Z", 0},
		{"when they begin", "2026-03-01T22:00:00Z", 8*time.Hour + 30*minute},
		{"after midnight", "2026-03-02T00:30:00Z", 6 * time.Hour},
		{"the last second", "2026-03-02T06:29:59Z", time.Second},
		{"when they end", "2026-03-02T06:30:00Z", 0},
		{"in a night that is an hour shorter", "2026-03-28T22:00:00Z", 7*time.Hour + 30*minute},
		{"in summer, by the clock on the wall", "2026-07-01T21:00:00Z", 8*time.Hour + 30*minute},
		{"in a night that is an hour longer", "2026-10-24T21:00:00Z", 9*time.Hour + 30*minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := quietUntil(quiet, now); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	t.Run("within a day", func(t *testing.T) {
		lunch := &store.QuietHours{From: 12 * 60, To: 13 * 60, Zone: "UTC"}
		for hour, want := range map[int]time.Duration{11: 0, 12: time.Hour, 13: 0, 23: 0} {
			if got := quietUntil(lunch, time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)); got != want {
				t.Errorf("at %d: %s", hour, got)
			}
		}
	})
	nightly := above(func(r *store.AlertRule) {
		r.For, r.Renotify, r.Quiet = 0, 10*minute, &store.QuietHours{From: 22 * 60, To: 6 * 60, Zone: "UTC"}
	})
	night := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	value := func(v float64) *float64 { return &v }
	t.Run("an alert that begins in them is told at their end", func(t *testing.T) {
		c := step(nightly, store.AlertState{}, value(11), night, night)
		if c.opens == "" || len(c.notes) != 1 || c.notes[0] != (note{EventOpened, 7 * time.Hour}) {
			t.Fatalf("%+v", c)
		}
		t.Run("and is not told at all when it is over by then", func(t *testing.T) {
			if ended := step(nightly, c.state, value(1), night.Add(time.Hour), night.Add(time.Hour)); ended.ends != EndCleared || !ended.unsaid {
				t.Errorf("%+v", ended)
			}
		})
		t.Run("and is told of as over when it is over after", func(t *testing.T) {
			if ended := step(nightly, c.state, value(1), night, night.Add(7*time.Hour)); ended.ends != EndCleared || ended.unsaid {
				t.Errorf("%+v", ended)
			}
		})
		t.Run("and is told again no earlier than it was told", func(t *testing.T) {
			for after, want := range map[time.Duration]int{time.Hour: 0, 7 * time.Hour: 0, 7*time.Hour + 10*minute: 1} {
				if c := step(nightly, c.state, value(11), night, night.Add(after)); len(c.notes) != want {
					t.Errorf("after %s: %+v", after, c.notes)
				}
			}
		})
	})
	t.Run("an alert from before that ends in them is told of as over at their end, without reminders", func(t *testing.T) {
		before := night.Add(-2 * time.Hour)
		state := step(nightly, store.AlertState{}, value(11), before, before).state
		if c := step(nightly, state, value(11), night, night); len(c.notes) != 0 {
			t.Errorf("%+v", c.notes)
		}
		if c := step(nightly, state, value(1), night, night); c.unsaid || len(c.notes) != 1 || c.notes[0] != (note{EventEnded, 7 * time.Hour}) {
			t.Errorf("%+v", c)
		}
	})
}

// TestWhatAlwaysHolds drives the machine with anything and holds it to its
// promises, which are kept account of apart from it.
func TestWhatAlwaysHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Float64Range(-100, 100)
		rule := above(func(r *store.AlertRule) {
			r.Direction = rapid.SampledFrom([]string{store.AlertAbove, store.AlertBelow}).Draw(t, "direction")
			a, b := level.Draw(t, "level"), level.Draw(t, "level")
			if r.Threshold, r.Clear = max(a, b), min(a, b); r.Direction == store.AlertBelow {
				r.Threshold, r.Clear = r.Clear, r.Threshold
			}
			r.For = time.Duration(rapid.IntRange(0, 600).Draw(t, "for")) * time.Second
			r.Renotify = time.Duration(rapid.SampledFrom([]int{0, 300, 3600}).Draw(t, "renotify")) * time.Second
			r.NoData = rapid.SampledFrom([]string{store.AlertHold, store.AlertEnd, store.AlertNotify}).Draw(t, "no_data")
			if rapid.Bool().Draw(t, "quiet") {
				r.Quiet = &store.QuietHours{From: rapid.IntRange(0, 719).Draw(t, "from"), To: rapid.IntRange(720, 1439).Draw(t, "to"), Zone: "America/New_York"}
			}
		})
		beyond := func(v float64) bool {
			return rule.Direction == store.AlertAbove && v > rule.Threshold || rule.Direction == store.AlertBelow && v < rule.Threshold
		}
		clear := func(v float64) bool {
			return rule.Direction == store.AlertAbove && v <= rule.Clear || rule.Direction == store.AlertBelow && v >= rule.Clear
		}
		var state store.AlertState
		now, open := noon, ""
		var most time.Duration // that the condition can have been seen to hold
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			passed := time.Duration(rapid.SampledFrom([]int{-7200, -60, 0, 15, 60, 61, 150, 3600, 100000}).Draw(t, "passed")) * time.Second
			now = now.Add(passed)
			var value *float64
			if !rapid.Bool().Draw(t, "gone") {
				v := level.Draw(t, "value")
				value = &v
			}
			c := step(rule, state, value, now, now)
			switch {
			case value != nil && !beyond(*value):
				most = 0
			case value != nil:
				most += min(max(passed, 0), longestStep)
			}
			if c.opens != "" && (open != "" || c.ends != "") {
				t.Fatalf("a second alert: %+v", c)
			}
			if c.opens == KindThreshold && (value == nil || !beyond(*value) || most < rule.For) {
				t.Fatalf("opened at %v after %s: %+v", value, most, c)
			}
			if c.opens == KindNoData && (value != nil || rule.NoData != store.AlertNotify) {
				t.Fatalf("missing data that were there: %+v", c)
			}
			if c.ends != "" && open == "" {
				t.Fatalf("ended what was not open: %+v", c)
			}
			if c.ends == EndCleared && (value == nil || !clear(*value)) {
				t.Fatalf("cleared at %v: %+v", value, c)
			}
			if open == KindThreshold && value != nil && clear(*value) && c.ends != EndCleared {
				t.Fatalf("not cleared at %v: %+v", value, c)
			}
			if open == KindNoData && value != nil && c.ends != EndData {
				t.Fatalf("data are back: %+v", c)
			}
			for _, note := range c.notes {
				wrong := note.event == EventOpened && c.opens == "" || note.event == EventEnded && c.ends == "" ||
					note.event == EventReminder && (open == "" || c.ends != "" || rule.Renotify == 0 || note.delay != 0)
				if wrong || note.delay < 0 || rule.Quiet == nil && note.delay != 0 {
					t.Fatalf("told wrongly: %+v", c)
				}
			}
			if c.opens != "" {
				open = c.opens
			}
			if c.ends != "" {
				open = ""
			}
			if c.state.OpenKind != open || (value == nil) != (c.state.Phase == phaseNoData) || c.state.Held < 0 || c.state.Since.IsZero() {
				t.Fatalf("state %+v, open %q", c.state, open)
			}
			if again := step(rule, c.state, value, now, now); again.opens != "" && rule.For > 0 && c.opens != "" {
				t.Fatalf("the same look again opens another: %+v", again)
			}
			state = c.state
		}
	})
}
