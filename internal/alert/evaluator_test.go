package alert_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

func TestAnAlertFromOpeningToEnd(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(func(r *store.AlertRule) { r.For, r.Labels = time.Minute, map[string]string{"team": "one"} }, told)
	w.figure.set("EGLL", 7)
	w.figure.set("EHAM", 3)
	steps := []struct {
		value  float64
		open   int
		events []string
	}{
		{7, 0, []string{}}, {11, 0, []string{}}, {12, 1, []string{"opened"}}, {20, 1, []string{"opened"}}, {6, 1, []string{"opened"}},
		{5, 0, []string{"opened", "ended"}}, {5, 0, []string{"opened", "ended"}}, {11, 0, []string{"opened", "ended"}},
		{11, 1, []string{"opened", "ended", "opened"}},
	}
	for i, step := range steps {
		w.figure.set("EGLL", step.value)
		w.run(time.Duration(i) * time.Minute)
		if diff := cmp.Diff(step.events, told.got()); w.open("EGLL") != step.open || w.open("EHAM") != 0 || diff != "" {
			t.Fatalf("step %d: %d open, %s", i, w.open("EGLL"), diff)
		}
	}
	alerts, err := w.store.Alerts(t.Context(), store.AlertQuery{From: noon, To: noon.Add(time.Hour), Limit: 10})
	must(t, err)
	if len(alerts) != 2 {
		t.Fatalf("%d alerts", len(alerts))
	}
	value, worst := 5.0, 20.0
	want := store.Alert{
		ID: alerts[1].ID, Rule: "r", RuleName: "Rule", Figure: "figure", Unit: "things", Subject: "EGLL", Severity: "warning", Kind: alert.KindThreshold,
		Direction: store.AlertAbove, Threshold: 10, Clear: 5, Labels: map[string]string{"team": "one"}, Detail: "said of EGLL",
		Opened: noon.Add(2 * time.Minute), Value: &value, Worst: &worst, ValueAt: noon.Add(5 * time.Minute), Ended: noon.Add(5 * time.Minute),
		Outcome: alert.EndCleared, Delivered: 2,
	}
	if diff := cmp.Diff(want, alerts[1]); diff != "" {
		t.Error(diff)
	}
	if states := w.count(`SELECT count(*) FROM kept.alert_states`); states != 1 {
		t.Errorf("%d states: what is as it should be and matched by a pattern needs none", states)
	}
}

func TestSubjectsOfARule(t *testing.T) {
	w := newWorld(t)
	w.rule(func(r *store.AlertRule) { r.Subjects = []string{"EG*", "KJFK"} })
	for _, subject := range []string{"EGLL", "EGKK", "EHAM", "KJFK", "KLAX"} {
		w.figure.set(subject, 11)
	}
	w.run(0)
	for subject, want := range map[string]int{"EGLL": 1, "EGKK": 1, "EHAM": 0, "KJFK": 1, "KLAX": 0} {
		if got := w.open(subject); got != want {
			t.Errorf("%s: %d open, want %d", subject, got, want)
		}
	}
}

func TestAFigureThatCannotBeHad(t *testing.T) {
	w := newWorld(t)
	told := newReceiver(t, nil)
	w.rule(func(r *store.AlertRule) { r.Subjects, r.NoData = []string{alert.Network}, store.AlertNotify }, told)
	w.figure.set(alert.Network, 1)
	w.run(0)
	w.figure.err = errors.New("away")
	report := w.run(time.Minute)
	if report.Problems != 1 || w.open(alert.Network) != 1 {
		t.Fatalf("%+v, %d open", report, w.open(alert.Network))
	}
	rule, states, err := w.store.AlertRule(t.Context(), "r")
	must(t, err)
	if rule.Problem == "" || !rule.Looked.Equal(noon.Add(time.Minute)) || len(states) != 1 || states[0].Phase != "no_data" || *states[0].Value != 1 {
		t.Errorf("%+v %+v", rule, states)
	}
	w.figure.err = nil
	w.run(2 * time.Minute)
	if events := told.got(); !slices.Equal(events, []string{"opened", "ended"}) || w.open(alert.Network) != 0 {
		t.Errorf("%v", events)
	}
	if w.count(`SELECT count(*) FROM kept.alerts WHERE kind = 'no_data' AND outcome = 'data_back'`) != 1 {
		t.Error("the alert is not one about missing data")
	}
}

func TestQuietHoursInTheQueue(t *testing.T) {
	// noon lies in them, and they end at two in the afternoon.
	quiet := func(r *store.AlertRule) { r.Quiet = &store.QuietHours{From: 11 * 60, To: 14 * 60, Zone: "UTC"} }
	t.Run("what is over by their end is told nobody", func(t *testing.T) {
		w := newWorld(t)
		told := newReceiver(t, nil)
		w.rule(quiet, told)
		w.figure.set("EGLL", 11)
		w.run(0)
		w.figure.set("EGLL", 1)
		w.run(time.Hour)
		w.due()
		w.run(3 * time.Hour)
		if events := told.got(); len(events) != 0 || w.count(`SELECT count(*) FROM kept.alerts WHERE outcome = 'cleared'`) != 1 {
			t.Errorf("%v", events)
		}
		if w.count(`SELECT count(*) FROM kept.alert_deliveries WHERE status = 'canceled' AND event = 'opened'`) != 1 {
			t.Error("the opening was not taken back")
		}
	})
	t.Run("what lasts is told at their end, by the database's clock", func(t *testing.T) {
		w := newWorld(t)
		told := newReceiver(t, nil)
		w.rule(quiet, told)
		w.figure.set("EGLL", 11)
		w.run(0)
		var wait float64
		must(t, w.conn.QueryRow(t.Context(), `SELECT extract(epoch FROM due - created) FROM kept.alert_deliveries`).Scan(&wait))
		if wait != 7200 || len(told.got()) != 0 {
			t.Fatalf("due after %v s, told %v", wait, told.got())
		}
		w.due()
		w.run(2 * time.Hour)
		w.figure.set("EGLL", 1)
		w.run(3 * time.Hour)
		if events := told.got(); !slices.Equal(events, []string{"opened", "ended"}) {
			t.Errorf("%v", events)
		}
	})
	t.Run("who was told all the same, as clocks differ, is told of the end", func(t *testing.T) {
		w := newWorld(t)
		told := newReceiver(t, nil)
		w.rule(quiet, told)
		w.figure.set("EGLL", 11)
		w.run(0)
		w.due()
		w.run(time.Minute)
		w.figure.set("EGLL", 1)
		w.run(2 * time.Minute)
		w.due()
		w.run(3 * time.Minute)
		if events := told.got(); !slices.Equal(events, []string{"opened", "ended"}) {
			t.Errorf("%v", events)
		}
	})
}

func TestChangesOfARule(t *testing.T) {
	start := func(t *testing.T) (*world, *receiver, store.AlertRule) {
		w := newWorld(t)
		told := newReceiver(t, nil)
		w.rule(nil, told)
		w.figure.set("EGLL", 11)
		w.run(0)
		rule, _, err := w.store.AlertRule(t.Context(), "r")
		must(t, err)
		return w, told, rule
	}
	t.Run("one that asks the same leaves open what is open", func(t *testing.T) {
		w, told, rule := start(t)
		rule.Name = "Another name"
		must(t, w.store.PutAlertRule(t.Context(), rule, ""))
		w.run(time.Minute)
		if w.open("EGLL") != 1 || len(told.got()) != 1 {
			t.Errorf("%d open, %v", w.open("EGLL"), told.got())
		}
	})
	t.Run("one that asks something else ends it, says so, and begins anew", func(t *testing.T) {
		w, told, rule := start(t)
		rule.Threshold, rule.Updated = 20, noon.Add(30*time.Second)
		must(t, w.store.PutAlertRule(t.Context(), rule, alert.EndChanged))
		w.run(time.Minute)
		if w.open("EGLL") != 0 || !slices.Equal(told.got(), []string{"opened", "ended"}) {
			t.Errorf("%d open, %v", w.open("EGLL"), told.got())
		}
	})
	t.Run("a change of what somebody else changed is a conflict", func(t *testing.T) {
		w, _, rule := start(t)
		must(t, w.store.PutAlertRule(t.Context(), rule, ""))
		if err := w.store.PutAlertRule(t.Context(), rule, ""); err == nil {
			t.Error("the second change of the same revision went through")
		}
	})
	t.Run("its deletion ends what is open and tells nobody any more", func(t *testing.T) {
		w, told, _ := start(t)
		told.answers(nil)
		must(t, w.store.DeleteAlertRule(t.Context(), "r", alert.EndDeleted, noon.Add(time.Minute)))
		w.run(2 * time.Minute)
		if w.open("EGLL") != 0 || len(told.got()) != 1 || w.count(`SELECT count(*) FROM kept.alerts WHERE outcome = 'rule_deleted'`) != 1 {
			t.Errorf("%d open, %v", w.open("EGLL"), told.got())
		}
		if w.count(`SELECT count(*) FROM kept.alert_states`)+w.count(`SELECT count(*) FROM kept.alert_receivers`) != 0 {
			t.Error("something of it was left behind")
		}
	})
}

func TestARuleThatOpensTooMuchIsBounded(t *testing.T) {
	w := newWorld(t)
	w.rule(nil)
	for i := range 250 {
		w.figure.set("S"+time.Duration(i).String(), 11)
	}
	report := w.run(0)
	if open := w.count(`SELECT count(*) FROM kept.alerts WHERE ended IS NULL`); open != 200 || report.Problems != 1 {
		t.Errorf("%d open, %+v", open, report)
	}
	if again := w.run(time.Minute); again.Opened != 0 {
		t.Errorf("%+v", again)
	}
}
