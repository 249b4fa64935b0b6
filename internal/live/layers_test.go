package live_test

import (
	"bytes"
	"context"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a publisher and what readers are made of, on a Redis of the test.
type bench struct {
	client    *redis.Client
	publisher *live.Publisher
	log       live.Durable
	built     *atomic.Int64 // times the log was asked
	now       time.Time
}

const space = "live"

var (
	newest   = moment.Add(15 * time.Second)
	pointer  = "sl:live:3:pointer"
	pattern  = "sl:live:3:1*"
	volatile = regexp.MustCompile(`"cached":(true|false)|"layer":"[a-z]+"`)
)

func newBench(t testing.TB, url string) *bench {
	t.Helper()
	client, err := live.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &bench{
		client: client, publisher: live.NewPublisher(client, space, nil),
		log: durable(t, 20, moment, newest), built: new(atomic.Int64), now: newest.Add(3 * time.Second),
	}
}

// publish shows the newest snapshot as ingest does.
func (b *bench) publish(t testing.TB) *live.View {
	t.Helper()
	first := view(t, moment, 20)
	second := live.Build(decode(t, body(t, newest, 20)), first, nil, live.Meta{Source: "live", Received: newest.Add(time.Second)})
	if err := b.publisher.Publish(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	return second
}

// reader is another process's reader.
func (b *bench) reader(t testing.TB, client redis.Cmdable) *live.Reader {
	t.Helper()
	reader := live.NewReader(live.Options{
		Client: client, Space: space, Clock: func() time.Time { return b.now },
		Fallback: func(ctx context.Context, newerThan time.Time) (live.Newest, error) {
			b.built.Add(1)
			return b.log.Newest(ctx, newerThan)
		},
	})
	t.Cleanup(reader.Close)
	return reader
}

// same returns an answer's bytes without what says which layer it came from.
func same(answer live.Answer) []byte { return volatile.ReplaceAll(answer.Body(false), nil) }

func TestEveryLayerGivesTheSameAnswer(t *testing.T) {
	b := newBench(t, redistest.New(t).URL)
	b.publish(t)
	for _, name := range live.Names() {
		reader := b.reader(t, b.client)
		fromRedis := get(t, reader, name, live.JSON)
		fromMemory := get(t, reader, name, live.JSON)
		fromLog := get(t, b.reader(t, nil), name, live.JSON)
		if fromRedis.Layer != live.LayerRedis || fromMemory.Layer != live.LayerMemory || fromLog.Layer != live.LayerLog {
			t.Fatalf("%s: layers %s, %s, %s", name, fromRedis.Layer, fromMemory.Layer, fromLog.Layer)
		}
		if !bytes.Equal(same(fromRedis), same(fromMemory)) || !bytes.Equal(same(fromRedis), same(fromLog)) {
			t.Errorf("%s differs between layers\nredis %s\nlog   %s", name, head(same(fromRedis)), head(same(fromLog)))
		}
		if fromRedis.ETag != fromLog.ETag {
			t.Errorf("%s: ETag %s from Redis, %s from the log", name, fromRedis.ETag, fromLog.ETag)
		}
	}
}

func TestRedisThatIsWrong(t *testing.T) {
	b := newBench(t, redistest.New(t, map[string]string{"maxmemory-policy": "noeviction"}).URL)
	ctx := context.Background()
	each := func(t *testing.T, do func(key string)) {
		keys, err := b.client.Keys(ctx, pattern).Result()
		if err != nil || len(keys) == 0 {
			t.Fatalf("no entries: %v", err)
		}
		for _, key := range keys {
			do(key)
		}
	}
	set := func(t *testing.T, key, value string) {
		if err := b.client.Set(ctx, key, value, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		spoil   func(t *testing.T)
		deleted string // a pattern of keys that must be gone afterwards
	}{
		{"entries evicted", func(t *testing.T) { each(t, func(key string) { b.client.Del(ctx, key) }) }, ""},
		{"the pointer evicted", func(*testing.T) { b.client.Del(ctx, pointer) }, ""},
		{"everything evicted", func(*testing.T) { b.client.FlushAll(ctx) }, ""},
		{"entries are garbage", func(t *testing.T) { each(t, func(key string) { set(t, key, "\x00garbage\xff") }) }, pattern + "flights.json"},
		{"an entry has one byte changed", func(t *testing.T) {
			each(t, func(key string) {
				raw, _ := b.client.Get(ctx, key).Bytes()
				raw[len(raw)/2] ^= 1
				set(t, key, string(raw))
			})
		}, pattern + "flights.json"},
		{"an entry is cut short", func(t *testing.T) {
			each(t, func(key string) {
				raw, _ := b.client.Get(ctx, key).Result()
				set(t, key, raw[:len(raw)/2])
			})
		}, pattern + "flights.json"},
		{"entries are of another type", func(t *testing.T) {
			each(t, func(key string) { b.client.Del(ctx, key); b.client.LPush(ctx, key, "x") })
		}, pattern + "flights.json"},
		{"the pointer is garbage", func(t *testing.T) { set(t, pointer, "yesterday") }, pointer},
		{"the pointer is of another type", func(*testing.T) { b.client.Del(ctx, pointer); b.client.HSet(ctx, pointer, "a", "b") }, pointer},
		{"only an older schema's keys are there", func(t *testing.T) {
			each(t, func(key string) { b.client.Rename(ctx, key, "sl:live:0:"+key[len("sl:live:3:"):]) })
			b.client.Rename(ctx, pointer, "sl:live:0:pointer")
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.client.FlushAll(ctx)
			b.publish(t)
			want := get(t, b.reader(t, b.client), live.Flights, live.JSON)
			test.spoil(t)
			got := get(t, b.reader(t, b.client), live.Flights, live.JSON)
			if got.Layer != live.LayerLog || got.Stale {
				t.Errorf("layer %s, stale %t", got.Layer, got.Stale)
			}
			if !bytes.Equal(same(got), same(want)) {
				t.Errorf("got %s\nwant %s", head(same(got)), head(same(want)))
			}
			if test.deleted != "" {
				if left, _ := b.client.Keys(ctx, test.deleted).Result(); len(left) > 0 {
					t.Errorf("left in Redis: %q", left)
				}
			}
		})
	}
}

func TestRedisThatIsFull(t *testing.T) {
	b := newBench(t, redistest.New(t, map[string]string{"maxmemory-policy": "noeviction"}).URL)
	ctx := context.Background()
	if err := b.publisher.Publish(ctx, view(t, moment, 20)); err != nil {
		t.Fatal(err)
	}
	if err := b.client.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	err := b.publisher.Publish(ctx, view(t, newest, 20))
	if fault.ReasonOf(err) != "redis_full" {
		t.Fatalf("publishing into a full Redis: %v", err)
	}
	got := get(t, b.reader(t, b.client), live.Flights, live.JSON)
	if !got.Snapshot.Equal(newest) || got.Layer != live.LayerLog || got.Stale {
		t.Errorf("snapshot %s from %s, stale %t: an older view was taken for the newest", got.Snapshot, got.Layer, got.Stale)
	}
	if err := b.client.ConfigSet(ctx, "maxmemory", "100mb").Err(); err != nil {
		t.Fatal(err)
	}
	b.publish(t)
	if got := get(t, b.reader(t, b.client), live.Flights, live.JSON); got.Layer != live.LayerRedis {
		t.Errorf("with room again: %s", got.Layer)
	}
}

func TestThePointerNeverMovesBack(t *testing.T) {
	b := newBench(t, redistest.New(t).URL)
	ctx := context.Background()
	var wait sync.WaitGroup
	last := 12
	for i := range last + 1 {
		wait.Go(func() {
			if err := b.publisher.Publish(ctx, view(t, moment.Add(time.Duration((i*5)%(last+1))*15*time.Second), 2)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	want := moment.Add(time.Duration(last) * 15 * time.Second)
	if got := get(t, b.reader(t, b.client), live.Network, live.JSON); !got.Snapshot.Equal(want) {
		t.Errorf("shows %s, want %s", got.Snapshot, want)
	}
	t.Run("a reader's memory does not follow an older pointer either", func(t *testing.T) {
		b.log = durable(t, 2, want)
		reader := b.reader(t, b.client)
		get(t, reader, live.Network, live.JSON)
		b.client.FlushAll(ctx)
		if err := b.publisher.Publish(ctx, view(t, moment, 2)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := get(t, reader, live.Flights, live.JSON); !got.Snapshot.Equal(want) {
				t.Errorf("went back to %s", got.Snapshot)
			}
		}
	})
	t.Run("a database made anew is believed, also by a process that has shown later snapshots", func(t *testing.T) {
		reader := b.reader(t, b.client)
		get(t, reader, live.Network, live.JSON)
		b.log = durable(t, 2, moment)
		if err := b.publisher.Reset(ctx); err != nil {
			t.Fatal(err)
		}
		if got := get(t, reader, live.Flights, live.JSON); !got.Snapshot.Equal(moment) {
			t.Errorf("shows %s, want %s", got.Snapshot, moment)
		}
	})
	t.Run("a hold marks every process's rows and the next good snapshot clears it", func(t *testing.T) {
		b.publish(t)
		if err := b.publisher.Publish(ctx, view(t, want, 2)); err != nil {
			t.Fatal(err)
		}
		if err := b.publisher.Hold(ctx, want.Add(15*time.Second)); err != nil {
			t.Fatal(err)
		}
		got := get(t, b.reader(t, b.client), live.Network, live.JSON)
		if !got.Held || !got.Stale || !got.Snapshot.Equal(want) {
			t.Errorf("held %t, stale %t, snapshot %s", got.Held, got.Stale, got.Snapshot)
		}
		if err := b.publisher.Publish(ctx, view(t, want.Add(30*time.Second), 2)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, b.reader(t, b.client), live.Network, live.JSON); got.Held {
			t.Error("still held")
		}
	})
}

func TestAStampedeBuildsOnce(t *testing.T) {
	for name, client := range map[string]redis.Cmdable{"without Redis": nil, "with an empty Redis": newBench(t, redistest.New(t).URL).client} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "redis://127.0.0.1:1")
			reader := b.reader(t, client)
			start := make(chan struct{})
			var wait sync.WaitGroup
			for i := range 100 {
				wait.Go(func() {
					<-start
					if _, err := reader.Get(context.Background(), live.Names()[i%3], live.JSON); err != nil {
						t.Error(err)
					}
				})
			}
			close(start)
			wait.Wait()
			if got := b.built.Load(); got > int64(len(live.Names())) {
				t.Errorf("%d builds for %d keys", got, len(live.Names()))
			}
		})
	}
}
