package alert

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Rules keeps rules; *store.Store does.
type Rules interface {
	AlertRule(ctx context.Context, id string) (store.AlertRule, []store.AlertState, error)
	AddAlertRule(ctx context.Context, rule store.AlertRule, most int) error
	PutAlertRule(ctx context.Context, rule store.AlertRule, outcome string) error
	DeleteAlertRule(ctx context.Context, id, outcome string, at time.Time) error
}

// Receiver is a receiver as people give it. One with the ID of a receiver that
// the rule has keeps what is not given.
type Receiver struct {
	ID     string
	Kind   string
	URL    string
	Secret string
	Topic  string
}

// EditorOptions are an editor's parts.
type EditorOptions struct {
	Rules   Rules
	Figures Catalogue
	Sealer  *Sealer
	Address func(url string) error // says what is wrong with an address to post to
	Random  io.Reader
	Clock   func() time.Time
}

// Editor changes rules as people ask, and refuses what cannot work.
type Editor struct{ EditorOptions }

// NewEditor returns an editor.
func NewEditor(options EditorOptions) *Editor { return &Editor{options} }

// Add stores a new rule and returns it with its id.
func (e *Editor) Add(ctx context.Context, rule store.AlertRule, receivers []Receiver) (store.AlertRule, error) {
	var err error
	if rule.ID, err = e.newID(10); err != nil {
		return rule, err
	}
	if err := e.complete(ctx, &rule, nil, receivers); err != nil {
		return rule, err
	}
	rule.Revision, rule.Created = 1, rule.Updated
	return rule, e.Rules.AddAlertRule(ctx, rule, MostRules)
}

// Put replaces the rule of that id. revision is the one it was read at; 0 takes
// any. What is open goes on where the rule asks the same as before, else it ends.
func (e *Editor) Put(ctx context.Context, rule store.AlertRule, revision int64, receivers []Receiver) (store.AlertRule, error) {
	before, _, err := e.Rules.AlertRule(ctx, rule.ID)
	if err != nil {
		return rule, err
	}
	if revision != 0 && revision != before.Revision {
		return rule, fault.E("alert.Put", fault.Conflict, "changed", nil).
			WithMessage(fmt.Sprintf("The rule is at revision %d, not %d: somebody changed it; read it again.", before.Revision, revision))
	}
	rule.Revision, rule.Created, rule.Shipped = before.Revision, before.Created, before.Shipped
	if err := e.complete(ctx, &rule, &before, receivers); err != nil {
		return rule, err
	}
	outcome := ""
	switch {
	case SameCondition(&before, &rule):
	case before.Enabled && !rule.Enabled:
		outcome = EndDisabled
	default:
		outcome = EndChanged
	}
	if err := e.Rules.PutAlertRule(ctx, rule, outcome); err != nil {
		return rule, err
	}
	rule.Revision++
	rule.Looked, rule.Problem = before.Looked, before.Problem
	return rule, nil
}

// Delete removes the rule of that id.
func (e *Editor) Delete(ctx context.Context, id string) error {
	return e.Rules.DeleteAlertRule(ctx, id, EndDeleted, e.now())
}

func (e *Editor) now() time.Time { return e.Clock().UTC().Truncate(time.Microsecond) }

// complete checks a rule and seals its receivers.
func (e *Editor) complete(ctx context.Context, rule, before *store.AlertRule, receivers []Receiver) error {
	rule.Updated = e.now()
	rule.Receivers = make([]store.AlertReceiver, len(receivers)) // counted by Check
	if err := e.Figures.Check(ctx, rule); err != nil {
		return err
	}
	for i, given := range receivers {
		receiver, err := e.receiver(ctx, rule.ID, before, given)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rule.Receivers[:i], func(r store.AlertReceiver) bool { return r.ID == receiver.ID }) {
			return wrong("receivers", "Two receivers have the same id.")
		}
		rule.Receivers[i] = receiver
	}
	return nil
}

// receiver makes what is kept of a receiver, or takes what is kept already.
func (e *Editor) receiver(ctx context.Context, rule string, before *store.AlertRule, given Receiver) (store.AlertReceiver, error) {
	known, err := knownReceiver(before, given)
	if err != nil {
		return store.AlertReceiver{}, err
	}
	if known != nil && given.URL == "" && given.Secret == "" && given.Topic == "" {
		return *known, nil
	}
	target := Target{Kind: given.Kind, URL: given.URL, Secret: given.Secret, Topic: given.Topic}
	id := given.ID
	switch {
	case known != nil && given.URL == "" && given.Topic == "": // another secret for the same address
		if target, err = e.Sealer.Open(ctx, rule, known.ID, known.Sealed, known.Key); err != nil {
			return store.AlertReceiver{}, err
		}
		target.Secret = given.Secret
	case known == nil:
		if id, err = e.newID(5); err != nil {
			return store.AlertReceiver{}, err
		}
	}
	if err := e.checkTarget(target); err != nil {
		return store.AlertReceiver{}, err
	}
	kept := store.AlertReceiver{ID: id, Kind: target.Kind, Shown: shown(target)}
	kept.Sealed, kept.Key, err = e.Sealer.Seal(ctx, rule, id, target)
	return kept, err
}

func knownReceiver(before *store.AlertRule, given Receiver) (*store.AlertReceiver, error) {
	if given.ID == "" {
		return nil, nil
	}
	if before != nil {
		for i := range before.Receivers {
			known := &before.Receivers[i]
			if known.ID == given.ID && known.Kind == given.Kind {
				return known, nil
			}
		}
	}
	return nil, wrong("receivers", "A receiver's id is one that the rule has, of the same kind; leave it out for a new one.")
}

// topicARN is the ARN of a standard topic: a FIFO one would ask for more.
var topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]{1,30}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)

const leastSecret, mostSecret = 16, 200

func (e *Editor) checkTarget(t Target) error {
	secret := "A webhook needs a secret of 16 to 200 characters, which it is signed with; give it again whenever the url changes."
	switch t.Kind {
	case "webhook":
		if len(t.Secret) < leastSecret || len(t.Secret) > mostSecret || t.Topic != "" {
			return wrong("receivers", secret)
		}
		return e.Address(t.URL)
	case "discord", "slack":
		if t.Secret != "" || t.Topic != "" {
			return wrong("receivers", "Discord and Slack take a url alone: it is itself the secret.")
		}
		return e.Address(t.URL)
	case "sns":
		if !topicARN.MatchString(t.Topic) || t.URL != "" || t.Secret != "" {
			return wrong("receivers", "An sns receiver takes topic_arn alone, the ARN of a standard topic.")
		}
		return nil
	}
	return wrong("receivers", "A receiver is a webhook, discord, slack or sns.")
}

// shown is what people may see of a target: whose it is, not the way in.
func shown(t Target) string {
	if t.Kind == "sns" {
		parts := strings.Split(t.Topic, ":")
		return strings.Join([]string{"sns", parts[3], "…", parts[5]}, ":")
	}
	address, err := url.Parse(t.URL)
	if err != nil {
		return "…"
	}
	return address.Scheme + "://" + address.Host + "/…"
}

// newID makes an id of so many random bytes.
func (e *Editor) newID(bytes int) (string, error) {
	id := make([]byte, bytes)
	if _, err := io.ReadFull(e.Random, id); err != nil {
		return "", fault.E("alert.newID", fault.Internal, "random", err)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id)), nil
}
