package cloud

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"go.uber.org/zap"
)

// Queue is an SQS queue whose messages go to a function, one an event. A
// message that fails comes again when its visibility timeout is over, and
// after its last receive becomes a dead letter.
type Queue struct {
	Name        string
	Visibility  time.Duration // by the agenda's clock
	MaxReceives int

	agenda   *Agenda
	function atomic.Pointer[Function]
	logger   *zap.Logger

	mu      sync.Mutex
	waiting int
	dead    []string
}

// message is one on its way through the queue.
type message struct {
	id, body string
	sent     time.Time
	receives int
}

// NewQueue returns a queue; messages wait until Deliver names their function.
func NewQueue(name string, agenda *Agenda, logger *zap.Logger) *Queue {
	return &Queue{Name: name, Visibility: time.Minute, MaxReceives: 3, agenda: agenda, logger: logger}
}

// Deliver sets where messages go: the function needs the queue and the queue
// the function, so one of them comes later.
func (q *Queue) Deliver(to *Function) { q.function.Store(to) }

// Send puts a message on the queue that can be received after delay.
func (q *Queue) Send(_ context.Context, body string, delay time.Duration) error {
	now := q.agenda.Clock.Now()
	q.count(1)
	q.receiveAt(now.Add(delay), message{id: newID(), body: body, sent: now})
	return nil
}

// Waiting is the number of messages that are neither done nor dead.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// DeadLetters are the bodies of the messages that were given up.
func (q *Queue) DeadLetters() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.dead...)
}

func (q *Queue) count(change int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting += change
}

func (q *Queue) receiveAt(due time.Time, m message) {
	q.agenda.At(due, func(ctx context.Context) { q.receive(ctx, m) })
}

func (q *Queue) receive(ctx context.Context, m message) {
	m.receives++
	if q.handled(ctx, m) {
		q.count(-1)
		return
	}
	if m.receives < q.MaxReceives {
		q.receiveAt(q.agenda.Clock.Now().Add(q.Visibility), m)
		return
	}
	q.mu.Lock()
	q.waiting--
	q.dead = append(q.dead, m.body)
	q.mu.Unlock()
	q.logger.Error("message given up", zap.String("queue", q.Name), zap.String("message", m.id),
		zap.String("body", m.body), zap.Int("receives", m.receives))
}

// handled sends the message to its function and reports whether it is done
// with. As with SQS, an answer that cannot be read and a failure without a
// known id mean that everything in the batch failed.
func (q *Queue) handled(ctx context.Context, m message) bool {
	function := q.function.Load()
	if function == nil {
		return false
	}
	payload, err := json.Marshal(q.event(m))
	if err != nil {
		return false
	}
	answer, err := function.Invoke(ctx, newID(), payload)
	if err != nil {
		return false
	}
	if len(answer) == 0 {
		return true
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return false
	}
	return len(response.BatchItemFailures) == 0
}

func (q *Queue) event(m message) events.SQSEvent {
	sum := md5.Sum([]byte(m.body)) // the protocol's checksum
	milliseconds := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	return events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: m.id, ReceiptHandle: newID(), Body: m.body, Md5OfBody: hex.EncodeToString(sum[:]),
		Attributes: map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(m.receives),
			"SentTimestamp":                    milliseconds(m.sent),
			"ApproximateFirstReceiveTimestamp": milliseconds(q.agenda.Clock.Now()),
			"SenderId":                         accountID,
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
		EventSource:       "aws:sqs", EventSourceARN: arn("sqs", q.Name), AWSRegion: region,
	}}}
}
