package live_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/live"
)

func TestAnswerBytes(t *testing.T) {
	for _, pilots := range []int{0, 1, 700} {
		memory := live.NewMemory()
		if err := live.NewPublisher(nil, "live", memory).Publish(context.Background(), view(t, moment, pilots)); err != nil {
			t.Fatal(err)
		}
		reader := live.NewReader(live.Options{
			Memory: memory, Clock: func() time.Time { return moment.Add(7 * time.Second) }, Fallback: nothingNewer,
		})
		for _, name := range live.Names() {
			t.Run(string(name)+" is one valid JSON object, the same in gzip", func(t *testing.T) {
				plain := get(t, reader, name, live.JSON)
				squeezed := get(t, reader, name, live.Gzip)
				if got := gunzip(t, squeezed.Body(false)); !bytes.Equal(got, plain.Body(false)) {
					t.Errorf("gzip holds %q\nwant %q", head(got), head(plain.Body(false)))
				}
				var written bytes.Buffer
				if _, err := squeezed.WriteTo(&written); err != nil || !bytes.Equal(written.Bytes(), squeezed.Body(false)) {
					t.Errorf("WriteTo differs from Body, err %v", err)
				}
				var shape struct {
					Data []any
					Meta struct {
						AsOf  time.Time `json:"as_of"`
						Age   int       `json:"age_s"`
						Stale *bool
						Count int
					}
				}
				if err := json.Unmarshal(plain.Body(true), &shape); err != nil {
					t.Fatal(err)
				}
				if shape.Data == nil || shape.Meta.Count != len(shape.Data) || shape.Meta.Age != 7 || *shape.Meta.Stale || !shape.Meta.AsOf.Equal(moment) {
					t.Errorf("%d rows, meta %+v", len(shape.Data), shape.Meta)
				}
				if plain.ETag == squeezed.ETag {
					t.Error("two encodings share a strong ETag")
				}
			})
		}
	}
}

func TestStaleness(t *testing.T) {
	memory := live.NewMemory()
	publisher := live.NewPublisher(nil, "live", memory)
	if err := publisher.Publish(context.Background(), view(t, moment, 1)); err != nil {
		t.Fatal(err)
	}
	now := moment
	reader := live.NewReader(live.Options{
		Memory: memory, Clock: func() time.Time { return now },
		Fallback: nothingNewer,
	})
	fresh := get(t, reader, live.Network, live.JSON)
	if fresh.Stale {
		t.Error("stale at once")
	}
	t.Run("three ticks without a snapshot are stale, and the ETag says so", func(t *testing.T) {
		now = moment.Add(47 * time.Second)
		if got := get(t, reader, live.Network, live.JSON); !got.Stale || got.ETag == fresh.ETag {
			t.Errorf("stale %t, ETag %s", got.Stale, got.ETag)
		}
	})
	t.Run("the next snapshot recovers it", func(t *testing.T) {
		if err := publisher.Publish(context.Background(), view(t, moment.Add(45*time.Second), 1)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, reader, live.Network, live.JSON); got.Stale {
			t.Error("still stale")
		}
	})
	t.Run("a suspicious snapshot keeps the rows and marks them", func(t *testing.T) {
		if err := publisher.Hold(context.Background(), moment.Add(60*time.Second)); err != nil {
			t.Fatal(err)
		}
		got := get(t, reader, live.Network, live.JSON)
		if !got.Stale || !got.Held || !got.Snapshot.Equal(moment.Add(45*time.Second)) {
			t.Errorf("stale %t, held %t, snapshot %s", got.Stale, got.Held, got.Snapshot)
		}
	})
}

func nothingNewer(context.Context, time.Time) (live.Newest, error) { return live.Newest{}, nil }

func get(t testing.TB, reader *live.Reader, name live.Name, encoding live.Encoding) live.Answer {
	t.Helper()
	answer, err := reader.Get(context.Background(), name, encoding)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func gunzip(t testing.TB, raw []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	reader.Multistream(false)
	out, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func head(raw []byte) []byte { return raw[:min(len(raw), 200)] }
