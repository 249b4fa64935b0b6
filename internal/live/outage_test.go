package live_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/rawlog"
)

// slowed is an address behind which the server answers two seconds late.
func slowed(t *testing.T, upstream string) string {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	toxic := `{"name":"slow","type":"latency","stream":"downstream","toxicity":1,"attributes":{"latency":2000}}`
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
	return proxy.Listen
}

// loading is the address of a server that says what Redis says while it reads
// its data from disk.
func loading(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wait.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, connection)
			mu.Unlock()
			wait.Go(func() { refuse(connection) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, connection := range open {
			connection.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return listener.Addr().String()
}

// refuse answers every command, which is an array of bulk strings.
func refuse(connection net.Conn) {
	reader := bufio.NewReader(connection)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "*") {
			if _, err := io.WriteString(connection, "-LOADING Redis is loading the dataset in memory\r\n"); err != nil {
				return
			}
		}
	}
}

func TestRedisThatDoesNotAnswer(t *testing.T) {
	real := redistest.New(t)
	paused := redistest.New(t)
	paused.Server.Pause()
	t.Cleanup(paused.Server.Resume)
	closed := redistest.New(t)
	if err := closed.Server.Kill(); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, url string }{
		{"down", closed.URL},
		{"two seconds slow", strings.Replace(real.URL, real.Server.Addr(), slowed(t, real.Server.Addr()), 1)},
		{"frozen", paused.URL},
		{"loading", "redis://" + loading(t)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, test.url)
			// Long enough for the log, far too short for Redis.
			ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
			defer cancel()
			want := get(t, b.reader(t, nil), live.Flights, live.JSON)
			reader := b.reader(t, b.client)
			for range 50 {
				got, err := reader.Get(ctx, live.Flights, live.JSON)
				if err != nil {
					t.Fatal(err)
				}
				if got.Stale || !bytes.Equal(same(got), same(want)) {
					t.Fatalf("stale %t, got %s\nwant %s", got.Stale, head(same(got)), head(same(want)))
				}
			}
			if stats := reader.Stats(); stats.RedisReason == "" || stats.RedisErrors > 5 || stats.Log != 1 {
				t.Errorf("%+v: want one answer from the log and Redis left alone", stats)
			}
			if err := b.publisher.Publish(context.Background(), view(t, newest, 1)); !fault.Retryable(err) {
				t.Errorf("publishing: %v", err)
			}
		})
	}
}

func TestEverythingIsDown(t *testing.T) {
	b := newBench(t, "redis://127.0.0.1:1")
	memory := live.NewMemory()
	if err := live.NewPublisher(nil, space, memory).Publish(context.Background(), view(t, moment, 2)); err != nil {
		t.Fatal(err)
	}
	broken := func(context.Context, time.Time) (live.Newest, error) {
		return live.Newest{}, errors.New("connection refused")
	}
	options := live.Options{Client: b.client, Space: space, Clock: func() time.Time { return moment }, Fallback: broken}

	t.Run("memory's answer is served and marked stale", func(t *testing.T) {
		options := options
		options.Memory = memory
		reader := live.NewReader(options)
		defer reader.Close()
		deadline := time.Now().Add(10 * time.Second)
		for !get(t, reader, live.Flights, live.JSON).Stale {
			if time.Now().After(deadline) {
				t.Fatal("never marked stale")
			}
		}
	})
	t.Run("with nothing in memory the fault is unavailable, and the log is not hammered", func(t *testing.T) {
		calls := 0
		options := options
		options.Fallback = func(ctx context.Context, newerThan time.Time) (live.Newest, error) {
			calls++
			return broken(ctx, newerThan)
		}
		reader := live.NewReader(options)
		defer reader.Close()
		for range 20 {
			if _, err := reader.Get(context.Background(), live.Flights, live.JSON); !fault.Is(err, fault.Unavailable) {
				t.Fatalf("got %v", err)
			}
		}
		if calls > 3 {
			t.Errorf("the log was asked %d times by 20 requests at once", calls)
		}
	})
}

func TestIngestHasLostRedis(t *testing.T) {
	b := newBench(t, redistest.New(t).URL)
	if err := b.publisher.Publish(context.Background(), view(t, moment, 20)); err != nil {
		t.Fatal(err)
	}
	// The pointer stands at the first snapshot while PostgreSQL and the log have
	// gone on: the age gives it away.
	b.log = durable(t, 20, moment, moment.Add(60*time.Second))
	b.now = moment.Add(62 * time.Second)
	reader := b.reader(t, b.client)
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := get(t, reader, live.Flights, live.JSON)
		if got.Snapshot.Equal(moment.Add(60 * time.Second)) {
			if got.Stale {
				t.Error("the newest snapshot is marked stale")
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still shows %s", got.Snapshot)
		}
	}
}

func TestDurable(t *testing.T) {
	ctx := context.Background()
	log := durable(t, 3, moment, newest)
	t.Run("nothing newer is no view", func(t *testing.T) {
		if got, err := log.Newest(ctx, newest); err != nil || got.View != nil || !got.Seen.Equal(newest) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("held snapshots leave the last good one", func(t *testing.T) {
		held := log
		head, _ := log.Head(ctx)
		head.HeldSince, head.HeldCount, head.Snapshot = newest, 1, newest.Add(15*time.Second)
		held.Head = constant(head)
		got, err := held.Newest(ctx, time.Time{})
		if err != nil || !got.View.Snapshot.Equal(newest) || !got.Seen.Equal(head.Snapshot) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("a log that lacks the head is unavailable", func(t *testing.T) {
		lacking := log
		lacking.Log = records{rawlog.Record{At: moment, Network: body(t, moment, 1)}}
		if _, err := lacking.Newest(ctx, time.Time{}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	})
}
