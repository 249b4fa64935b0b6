package alert

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// Queue is what waits to be told; *store.Store is one.
type Queue interface {
	ClaimDeliveries(ctx context.Context, claim store.DeliveryClaim) ([]store.AlertDelivery, error)
	AddTestDeliveries(ctx context.Context, rule string, at time.Time, lease string, patience time.Duration) ([]store.AlertDelivery, error)
	SettleDelivery(ctx context.Context, result store.DeliveryResult) (bool, error)
}

// Sender takes a message to its target. status is what the other side answered
// in HTTP's terms, nil where it did not. An error that fault.Retryable knows may
// go away by itself.
type Sender interface {
	Send(ctx context.Context, target Target, message Message) (status *int, err error)
}

// DelivererOptions are a deliverer's parts.
type DelivererOptions struct {
	Queue   Queue
	Senders map[string]Sender // by kind of receiver
	Sealer  *Sealer
	Source  string        // of the data; "" for the live network
	Token   func() string // unlike any that it returned before, here or anywhere
	Logger  *zap.Logger
	Faults  *fault.Recorder // nil: nobody keeps account
}

// Deliverer sends what is queued. One lives as long as its process: it knows
// which receivers are to be spared. Safe for concurrent use.
type Deliverer struct {
	DelivererOptions

	mu       sync.Mutex
	policies map[[32]byte]*fault.Policy // by target
}

// NewDeliverer returns a deliverer.
func NewDeliverer(options DelivererOptions) *Deliverer {
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	return &Deliverer{DelivererOptions: options, policies: map[[32]byte]*fault.Policy{}}
}

// The bounds of delivering. Ten attempts with pauses that double from 30 s to
// half an hour go on for two and a half hours: a receiver may be repaired
// meanwhile, and nobody wants to be told of yesterday.
const (
	// DeliveryBudget is the most that a run spends on sending.
	DeliveryBudget  = 20 * time.Second
	attemptTimeout  = 8 * time.Second
	leaseFor        = 60 * time.Second // longer than a run: who holds one still works
	mostPerRun      = 200
	mostPerReceiver = 5
	mostAttempts    = 10
	firstPause      = 30 * time.Second
	longestPause    = 30 * time.Minute
	// mostPolicies bounds what is remembered of receivers.
	mostPolicies = 1000
)

// DeliveryReport says what a run did.
type DeliveryReport struct {
	Delivered int
	Failed    int // attempts
	Spared    int // not tried, as the receiver is down
	Lost      int // taken by somebody else meanwhile
}

// Run sends what is due: every receiver by itself, beside the others, so that a
// slow or broken one costs nobody else time; to one receiver in order. What is
// not sent within the budget waits for the next run.
func (d *Deliverer) Run(ctx context.Context) (DeliveryReport, error) {
	ctx, cancel := context.WithTimeout(ctx, DeliveryBudget)
	defer cancel()
	var report DeliveryReport
	down := map[line]bool{}
	for taken := 0; taken < mostPerRun; {
		if deadline, _ := ctx.Deadline(); time.Until(deadline) < attemptTimeout+2*time.Second {
			return report, nil // an attempt might not end in time
		}
		claimed, err := d.Queue.ClaimDeliveries(ctx, store.DeliveryClaim{
			Lease: d.Token(), For: leaseFor, Most: mostPerRun - taken, PerReceiver: mostPerReceiver, Attempts: mostAttempts,
		})
		if err != nil || len(claimed) == 0 {
			return report, err
		}
		taken += len(claimed)
		results, err := d.send(ctx, claimed, down)
		report.add(results)
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

// Test sends a test to each of a rule's receivers, at once, and returns what
// became of it.
func (d *Deliverer) Test(ctx context.Context, rule string, at time.Time) ([]store.AlertDelivery, []store.DeliveryResult, error) {
	claimed, err := d.Queue.AddTestDeliveries(ctx, rule, at, d.Token(), leaseFor)
	if err != nil {
		return nil, nil, err
	}
	results, err := d.send(ctx, claimed, map[line]bool{})
	return claimed, results, err
}

func (r *DeliveryReport) add(results []store.DeliveryResult) {
	for _, result := range results {
		switch {
		case result.Lease == "":
			r.Lost++
		case result.OK:
			r.Delivered++
		case result.Tried:
			r.Failed++
		default:
			r.Spared++
		}
	}
}

// line is a receiver, whose deliveries go one behind the other.
type line struct{ rule, receiver string }

func lineOf(d *store.AlertDelivery) line { return line{d.Alert.Rule, d.Receiver.ID} }

// send sends each receiver's deliveries one after the other, all receivers at
// the same time, until one fails: the rest of a receiver's that is down waits.
// The results are in the deliveries' order; one without a lease was somebody
// else's by the time it was to be written down.
func (d *Deliverer) send(ctx context.Context, deliveries []store.AlertDelivery, down map[line]bool) ([]store.DeliveryResult, error) {
	lines := map[line][]int{}
	for i := range deliveries {
		lines[lineOf(&deliveries[i])] = append(lines[lineOf(&deliveries[i])], i)
	}
	results := make([]store.DeliveryResult, len(deliveries))
	failures := make([]error, len(deliveries))
	var working sync.WaitGroup
	for line, queue := range lines {
		isDown := down[line]
		working.Go(func() {
			for _, i := range queue {
				if results[i] = spared(&deliveries[i]); !isDown {
					results[i] = d.attempt(ctx, &deliveries[i])
				}
				isDown = isDown || !results[i].Done
				failures[i] = d.settle(ctx, &results[i])
			}
		})
	}
	working.Wait()
	for i := range results {
		if !results[i].Done {
			down[lineOf(&deliveries[i])] = true
		}
	}
	return results, errors.Join(failures...)
}

// spared is the result of a delivery whose receiver has just failed another: it
// waits for a later run, which so loses one attempt's time to a receiver at most.
func spared(d *store.AlertDelivery) store.DeliveryResult {
	return store.DeliveryResult{ID: d.ID, Lease: d.Lease, Attempt: d.Attempt, Wait: firstPause, Outcome: "spared"}
}

// settle writes a result down, also where the time for sending is over.
func (d *Deliverer) settle(ctx context.Context, result *store.DeliveryResult) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	ours, err := d.Queue.SettleDelivery(ctx, *result)
	if err == nil && !ours {
		result.Lease = ""
	}
	return err
}

// attempt sends one delivery and says what follows from how that went.
func (d *Deliverer) attempt(ctx context.Context, delivery *store.AlertDelivery) store.DeliveryResult {
	result := store.DeliveryResult{ID: delivery.ID, Lease: delivery.Lease, Attempt: delivery.Attempt, Tried: true, Outcome: "delivered"}
	began := time.Now()
	err := d.try(ctx, delivery, &result)
	result.Took = time.Since(began)
	if err == nil {
		result.Done, result.OK = true, true
		return result
	}
	result.Outcome = fault.ReasonOf(err)
	switch {
	case result.Outcome == "breaker_open":
		result.Tried, result.Wait = false, max(time.Second, fault.RetryAfter(err))
		result.Done = delivery.Event == EventTest
	case !fault.Retryable(err), delivery.Event == EventTest, delivery.Attempt >= mostAttempts:
		result.Done = true
	default:
		result.Wait = pauseAfter(delivery.Attempt, fault.RetryAfter(err))
	}
	// The error may hold the address; what it is about, by its public name, suffices.
	d.Logger.Warn("an alert was not delivered", zap.Int64("delivery", delivery.ID), zap.String("rule", delivery.Alert.Rule),
		zap.String("receiver", delivery.Receiver.Shown), zap.Int("attempt", delivery.Attempt),
		zap.String("reason", result.Outcome), zap.Bool("again", !result.Done))
	return result
}

func (d *Deliverer) try(ctx context.Context, delivery *store.AlertDelivery, result *store.DeliveryResult) error {
	const op = "alert.deliver"
	target, err := d.Sealer.Open(ctx, delivery.Alert.Rule, delivery.Receiver.ID, delivery.Receiver.Sealed, delivery.Receiver.Key)
	if err != nil {
		return err
	}
	sender := d.Senders[target.Kind]
	if sender == nil {
		return fault.E(op, fault.Invalid, "no_sender", nil)
	}
	message := messageOf(delivery, d.Source)
	return d.policy(target).Do(ctx, func(ctx context.Context) (err error) {
		result.Status, err = sender.Send(ctx, target, message)
		return err
	})
}

// policy is the target's own: rules with the same receiver share what is known
// of it, and nobody else does.
func (d *Deliverer) policy(target Target) *fault.Policy {
	key := sha256.Sum256([]byte(target.Kind + "\x00" + target.URL + "\x00" + target.Topic))
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.policies) >= mostPolicies && d.policies[key] == nil {
		clear(d.policies) // each is found out again by a few attempts
	}
	if d.policies[key] == nil {
		d.policies[key] = fault.NewPolicy(fault.ReceiverPolicy(attemptTimeout))
	}
	return d.policies[key]
}

// pauseAfter doubles with each attempt, and is what the receiver asks for where
// that is more. It is not varied by chance: what fails together was sent within
// one minute of each other anyway, and is sent so again.
func pauseAfter(attempt int, asked time.Duration) time.Duration {
	pause := firstPause << min(attempt-1, 10)
	return min(max(pause, asked), longestPause)
}
