package alert_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/webhook"
)

func (w *world) editor() *alert.Editor {
	allowed, err := webhook.ParseNetworks("127.0.0.0/8")
	must(w.t, err)
	return alert.NewEditor(alert.EditorOptions{
		Rules: w.store, Figures: alert.Catalogue{w.figure, picky{}}, Sealer: w.sealer, Address: allowed.Check, Random: rand.Reader,
		Clock: func() time.Time { return w.now },
	})
}

// picky is a figure that knows one subject.
type picky struct{}

func (picky) Describe() alert.Description {
	return alert.Description{Name: "picky", Subjects: "one alone"}
}

func (picky) Check(_ context.Context, subject string) error {
	if subject == "one" {
		return nil
	}
	return alert.Unknown("picky", subject, "there is one alone")
}

func (picky) Observe(context.Context, time.Time, []string) (alert.Observation, error) {
	return alert.Observation{}, nil
}

func draft(change func(*store.AlertRule)) store.AlertRule {
	rule := store.AlertRule{
		Name: "Rule", Figure: "figure", Subjects: []string{"EGLL"}, Direction: store.AlertAbove, Threshold: 10, Clear: 5,
		Severity: "warning", NoData: store.AlertHold, Enabled: true,
	}
	if change != nil {
		change(&rule)
	}
	return rule
}

func TestRulesThatCannotWorkAreRefused(t *testing.T) {
	w := newWorld(t)
	webhookTo := func(url, secret string) []alert.Receiver {
		return []alert.Receiver{{Kind: "webhook", URL: url, Secret: secret}}
	}
	for _, test := range []struct {
		name      string
		rule      func(*store.AlertRule)
		receivers []alert.Receiver
		reason    string
		says      string
	}{
		{"an unknown figure", func(r *store.AlertRule) { r.Figure = "luck" }, nil, "figure", "there are figure, picky"},
		{"an unknown subject", func(r *store.AlertRule) { r.Figure, r.Subjects = "picky", []string{"two"} }, nil, "subjects", "there is one alone"},
		{"a pattern where none is taken", func(r *store.AlertRule) { r.Figure, r.Subjects = "picky", []string{"o*"} }, nil, "subjects", "takes no patterns"},
		{"a pattern that is none", func(r *store.AlertRule) { r.Subjects = []string{"[a*"} }, nil, "subjects", "is not a pattern"},
		{"no subjects", func(r *store.AlertRule) { r.Subjects = nil }, nil, "subjects", "anything"},
		{"no name", func(r *store.AlertRule) { r.Name = " " }, nil, "name", ""},
		{"a name of several lines", func(r *store.AlertRule) { r.Name = "a\nb" }, nil, "name", ""},
		{"another direction", func(r *store.AlertRule) { r.Direction = "sideways" }, nil, "direction", ""},
		{"a clear level beyond the threshold", func(r *store.AlertRule) { r.Clear = 11 }, nil, "clear", "while its condition holds"},
		{"the same below", func(r *store.AlertRule) { r.Direction, r.Clear = store.AlertBelow, 9 }, nil, "clear", ""},
		{"reminders every second", func(r *store.AlertRule) { r.Renotify = time.Second }, nil, "renotify_s", ""},
		{"a time zone that is none", func(r *store.AlertRule) { r.Quiet = &store.QuietHours{From: 1, To: 2, Zone: "Mars/Base"} }, nil, "quiet_hours", "Europe/London"},
		{"quiet hours without length", func(r *store.AlertRule) { r.Quiet = &store.QuietHours{From: 60, To: 60, Zone: "UTC"} }, nil, "quiet_hours", ""},
		{"a label with a space", func(r *store.AlertRule) { r.Labels = map[string]string{"a b": "c"} }, nil, "labels", ""},
		{"a webhook without a secret", nil, webhookTo("https://example.org/", ""), "receivers", "16 to 200"},
		{"a webhook to a private network", nil, webhookTo("https://10.0.0.1/", secret), "url", "ALERT_NETWORKS"},
		{"a webhook to the metadata", nil, webhookTo("http://169.254.169.254/", secret), "url", "ALERT_NETWORKS"},
		{"a topic that is none", nil, []alert.Receiver{{Kind: "sns", Topic: "arn:aws:sqs:eu-central-1:123456789012:queue"}}, "receivers", "topic_arn"},
		{"a FIFO topic", nil, []alert.Receiver{{Kind: "sns", Topic: "arn:aws:sns:eu-central-1:123456789012:alerts.fifo"}}, "receivers", "standard topic"},
		{"a receiver that the rule does not have", nil, []alert.Receiver{{ID: "zz", Kind: "slack"}}, "receivers", "leave it out"},
		{"too many receivers", nil, make([]alert.Receiver, 11), "receivers", "10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.editor().Add(t.Context(), draft(test.rule), test.receivers)
			var said *fault.Error
			if !errors.As(err, &said) || said.Class != fault.Invalid || said.Reason != test.reason || !strings.Contains(said.Message, test.says) || said.Message == "" {
				t.Errorf("%v: %+v", err, said)
			}
		})
	}
	if n := w.count(`SELECT count(*) FROM kept.alert_rules`); n != 0 {
		t.Errorf("%d rules were stored", n)
	}
}

func TestReceiversAreKeptAndNotShown(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	editor := w.editor()
	const url = "https://discord.com/api/webhooks/1/token-that-nobody-sees"
	rule, err := editor.Add(ctx, draft(nil), []alert.Receiver{
		{Kind: "webhook", URL: "https://example.org/path?key=hidden", Secret: secret}, {Kind: "discord", URL: url},
		{Kind: "sns", Topic: "arn:aws:sns:eu-central-1:123456789012:alerts"},
	})
	must(t, err)
	want := []string{"https://example.org/…", "https://discord.com/…", "sns:eu-central-1:…:alerts"}
	for i, receiver := range rule.Receivers {
		if receiver.Shown != want[i] || receiver.Key == "" || strings.Contains(string(receiver.Sealed), "kind") {
			t.Errorf("%+v", receiver)
		}
	}
	open := func(i int) alert.Target {
		stored, _, err := w.store.AlertRule(ctx, rule.ID)
		must(t, err)
		for _, receiver := range stored.Receivers {
			if receiver.ID == rule.Receivers[i].ID {
				target, err := w.sealer.Open(ctx, rule.ID, receiver.ID, receiver.Sealed, receiver.Key)
				must(t, err)
				return target
			}
		}
		t.Fatal("the receiver is gone")
		return alert.Target{}
	}
	given := func(change func([]alert.Receiver)) []alert.Receiver {
		var receivers []alert.Receiver
		for _, receiver := range rule.Receivers {
			receivers = append(receivers, alert.Receiver{ID: receiver.ID, Kind: receiver.Kind})
		}
		change(receivers)
		return receivers
	}
	put := func(receivers []alert.Receiver) error {
		changed := draft(nil)
		changed.ID = rule.ID
		_, err := editor.Put(ctx, changed, 0, receivers)
		return err
	}
	t.Run("what is not given again stays", func(t *testing.T) {
		must(t, put(given(func([]alert.Receiver) {})))
		if got := open(1); got.URL != url {
			t.Errorf("%+v", got)
		}
	})
	t.Run("another secret for the same address", func(t *testing.T) {
		must(t, put(given(func(r []alert.Receiver) { r[0].Secret = secret + " and more" })))
		if got := open(0); got.URL != "https://example.org/path?key=hidden" || got.Secret != secret+" and more" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("another address needs the secret again", func(t *testing.T) {
		if err := put(given(func(r []alert.Receiver) { r[0].URL = "https://elsewhere.example/" })); !fault.Is(err, fault.Invalid) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("what is sealed for one receiver does not open for another", func(t *testing.T) {
		receiver := rule.Receivers[1]
		if _, err := w.sealer.Open(ctx, rule.ID, rule.Receivers[0].ID, receiver.Sealed, receiver.Key); fault.ReasonOf(err) != "secret_unreadable" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("an older key still opens, a newer one seals", func(t *testing.T) {
		rotated := alert.NewSealer(alert.Keys(strings.Repeat("n", alert.LeastKey)+","+strings.Repeat("k", alert.LeastKey)), rand.Reader)
		target, err := rotated.Open(ctx, rule.ID, rule.Receivers[1].ID, rule.Receivers[1].Sealed, rule.Receivers[1].Key)
		must(t, err)
		_, key, err := rotated.Seal(ctx, rule.ID, "x", target)
		must(t, err)
		if target.URL != url || key == rule.Receivers[1].Key {
			t.Errorf("%+v by %s", target, key)
		}
	})
	t.Run("a revision that somebody changed is a conflict", func(t *testing.T) {
		changed := draft(nil)
		changed.ID = rule.ID
		if _, err := editor.Put(ctx, changed, 1, nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("without a key they are kept as they are, and say so", func(t *testing.T) {
		none := alert.NewSealer(alert.Keys(""), rand.Reader)
		sealed, key, err := none.Seal(ctx, "r", "a", alert.Target{Kind: "slack", URL: url})
		must(t, err)
		if key != "" || !strings.Contains(string(sealed), url) {
			t.Errorf("%s by %q", sealed, key)
		}
	})
}
