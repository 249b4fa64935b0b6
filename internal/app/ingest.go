package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/telemetry"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Ingest builds the recorder behind the minute's event and the tick queue.
func Ingest(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	log, err := runtime.Log(ctx)
	if err != nil {
		return nil, err
	}
	publisher, err := newPublisher(ctx, runtime)
	if err != nil {
		return nil, err
	}
	queue := runtime.Queue
	if queue == nil {
		if queue, err = newSQSQueue(ctx, runtime.Config.QueueURL); err != nil {
			return nil, err
		}
	}
	settings := runtime.Config
	recorder := ingest.New(ingest.Options{
		Feed: newFeed(runtime), Log: log, Store: database, Live: publisher, Queue: queue,
		Clock: runtime.Clock, Logger: runtime.Logger, Metrics: runtime.Metrics("ingest"), Faults: runtime.Faults(),
		BacklogPerRun: settings.BacklogPerRun, RewindLimit: settings.RewindLimit, SuspiciousTicks: settings.SuspiciousTicks,
	})
	return ingestHandler{recorder: recorder, logger: runtime.Logger, faults: runtime.Faults()}, nil
}

func newFeed(runtime *Runtime) *vatsim.Client {
	settings := runtime.Config
	return vatsim.NewClient(vatsim.ClientOptions{
		StatusURL: settings.FeedStatusURL, NetworkURL: settings.FeedNetworkURL, TransceiversURL: settings.FeedTransceiversURL,
		Contact: settings.FeedContact, Timeout: settings.FeedTimeout, Stall: settings.FeedStall,
		MaxWire: settings.FeedMaxWire, MaxBody: settings.FeedMaxBody,
		Clock: runtime.Clock, Logger: runtime.Logger, Faults: runtime.Faults(),
	})
}

// ingestHandler takes EventBridge's scheduled event and SQS's batches.
type ingestHandler struct {
	recorder *ingest.Recorder
	logger   *zap.Logger
	faults   *fault.Recorder
}

// ingestEvent is the union of the two events' members that tell them apart.
type ingestEvent struct {
	ID      string              `json:"id"`
	Time    time.Time           `json:"time"`
	Records []events.SQSMessage `json:"Records"`
}

// Invoke answers nothing for the minute's event, and for a batch which of its
// messages failed, so that only those come again.
func (h ingestHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event ingestEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fault.E("app.Ingest", fault.Invalid, "event_json", err)
	}
	switch {
	case len(event.Records) > 0:
		return json.Marshal(h.batch(ctx, event.Records))
	case !event.Time.IsZero():
		_, err := h.recorder.Minute(telemetry.WithRequest(ctx, event.ID), event.Time)
		return nil, err
	default:
		return nil, fault.E("app.Ingest", fault.Invalid, "event_shape", nil).
			WithMessage("the event is neither a scheduled event with a time nor a batch of SQS records")
	}
}

func (h ingestHandler) batch(ctx context.Context, messages []events.SQSMessage) events.SQSEventResponse {
	response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, message := range messages {
		ctx := telemetry.WithRequest(ctx, message.MessageId)
		if err := h.message(ctx, message); err != nil {
			h.faults.Note(ctx, err)
			telemetry.For(ctx, h.logger).Error("queued tick failed", zap.String("class", string(fault.ClassOf(err))), zap.Error(err))
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.MessageId})
		}
	}
	return response
}

func (h ingestHandler) message(ctx context.Context, message events.SQSMessage) error {
	var queued tickMessage
	if err := json.Unmarshal([]byte(message.Body), &queued); err != nil || queued.Tick.IsZero() {
		return fault.E("app.Ingest", fault.Invalid, "message_shape", err)
	}
	_, err := h.recorder.Tick(ctx, queued.Tick.UTC())
	return err
}
