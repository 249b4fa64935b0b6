package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

func TestQueue(t *testing.T) {
	failed := func(id string) []byte {
		return fmt.Appendf(nil, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, id)
	}
	tests := map[string]struct {
		answer func(receive int, id string) ([]byte, error)
		want   []string // when it was received, after the start
		dead   int
	}{
		"a handled message comes once, after its delay": {
			func(int, string) ([]byte, error) { return []byte(`{"batchItemFailures":[]}`), nil }, []string{"15s"}, 0,
		},
		"an empty answer is success": {
			func(int, string) ([]byte, error) { return nil, nil }, []string{"15s"}, 0,
		},
		"a reported failure comes again when its visibility timeout is over": {
			func(receive int, id string) ([]byte, error) {
				if receive == 1 {
					return failed(id), nil
				}
				return nil, nil
			}, []string{"15s", "1m15s"}, 0,
		},
		"an error fails the whole batch, and the last receive makes a dead letter": {
			func(int, string) ([]byte, error) { return nil, errors.New("no") }, []string{"15s", "1m15s", "2m15s"}, 1,
		},
		"an empty identifier fails the whole batch": {
			func(int, string) ([]byte, error) { return failed(""), nil }, []string{"15s", "1m15s", "2m15s"}, 1,
		},
		"an answer that is no JSON fails the whole batch": {
			func(int, string) ([]byte, error) { return []byte("fine"), nil }, []string{"15s", "1m15s", "2m15s"}, 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agenda := NewAgenda(ClockAt(start(), 0))
				queue := NewQueue("ticks", agenda, zap.NewNop())
				var got []string
				queue.Deliver(function(func(_ context.Context, payload []byte) ([]byte, error) {
					var event events.SQSEvent
					if err := json.Unmarshal(payload, &event); err != nil || len(event.Records) != 1 {
						t.Fatalf("event %s: %v", payload, err)
					}
					record := event.Records[0]
					got = append(got, agenda.Clock.Now().Sub(start()).String())
					if record.Body != `{"tick":1}` || record.EventSource != "aws:sqs" {
						t.Errorf("record %+v", record)
					}
					if want := fmt.Sprint(len(got)); record.Attributes["ApproximateReceiveCount"] != want {
						t.Errorf("receive count %s, want %s", record.Attributes["ApproximateReceiveCount"], want)
					}
					return test.answer(len(got), record.MessageId)
				}, 1))
				if err := queue.Send(t.Context(), `{"tick":1}`, 15*time.Second); err != nil {
					t.Fatal(err)
				}
				agenda.Run(t.Context(), start().Add(time.Hour))
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
				if dead := len(queue.DeadLetters()); dead != test.dead || queue.Waiting() != 0 {
					t.Errorf("%d dead, %d waiting", dead, queue.Waiting())
				}
			})
		})
	}
}
