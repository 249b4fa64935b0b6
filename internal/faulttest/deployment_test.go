package faulttest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/zap"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// deployment is a world whose functions are invoked as Lambda does: by events,
// through the builders that the binaries use.
type deployment struct {
	*world
	redis    *redistest.Redis
	ingest   lambda.Handler
	warm     lambda.Handler // an API function that stays
	runtimes *[]*app.Runtime
}

// verify ends every function and checks the invariants.
func (d *deployment) verify() {
	d.t.Helper()
	for _, runtime := range *d.runtimes {
		must(d.t, runtime.Close())
	}
	*d.runtimes = nil
	d.world.verify()
}

func newDeployment(t testing.TB, settings ...setting) *deployment {
	d := &deployment{world: newWorld(t, settings...), redis: redistest.New(t), runtimes: &[]*app.Runtime{}}
	t.Cleanup(func() {
		for _, runtime := range *d.runtimes {
			_ = runtime.Close()
		}
	})
	d.site.RedisURL = d.redis.URL
	d.ingest = d.function(app.Ingest)
	d.warm = d.function(app.APIFlights)
	return d
}

// function starts a function in a process of its own, as far as it can be told.
func (d *deployment) function(build app.Build) lambda.Handler {
	d.t.Helper()
	return d.functionOf(d.process(), build)
}

func (d *deployment) functionOf(runtime *app.Runtime, build app.Build) lambda.Handler {
	d.t.Helper()
	handler, err := build(context.Background(), runtime)
	must(d.t, err)
	return handler
}

// process is what the functions of one process share.
func (d *deployment) process() *app.Runtime {
	d.t.Helper()
	settings, err := config.Load([]string{
		"SOURCE=" + source, "DATABASE_URL=" + d.site.DatabaseURL, "REDIS_URL=" + d.site.RedisURL, "LOG_URL=file://" + d.site.LogDir,
		"FEED_STATUS_URL=" + d.site.StatusURL, "QUERY_DATABASE_URL=" + d.site.QueryURL, "RATE_LIMIT_ADDRESS=0",
		"REFERENCE_DIR=" + d.site.ReferenceDir,
	})
	must(d.t, err)
	runtime := &app.Runtime{Config: settings, Logger: zap.NewNop(), Clock: d.clock.Now, Queue: noQueue{}, Memory: live.NewMemory(), Grammar: grammar.Parse}
	*d.runtimes = append(*d.runtimes, runtime)
	return runtime
}

// deliver brings the kth tick's message, which must be taken.
func (d *deployment) deliver(k int) {
	d.t.Helper()
	d.clock.set(tickAt(k).Add(fetchedAfter))
	payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: fmt.Sprint(k), Body: fmt.Sprintf(`{"tick":%q}`, tickAt(k).Format(time.RFC3339)),
	}}})
	must(d.t, err)
	answer, err := d.ingest.Invoke(context.Background(), payload)
	must(d.t, err)
	var response events.SQSEventResponse
	must(d.t, json.Unmarshal(answer, &response))
	if len(response.BatchItemFailures) > 0 {
		d.t.Fatalf("tick %d failed", k)
	}
}

// flights is /api/flights as far as the tests read it.
type flights struct {
	Flights []flight `json:"flights"`
	Meta    struct {
		Snapshot time.Time `json:"snapshot"`
		Stale    bool      `json:"stale"`
		Age      int       `json:"age_s"`
	} `json:"meta"`
}

type flight struct {
	Callsign string  `json:"callsign"`
	Lat      float64 `json:"lat"`
	Lon      float64 `json:"lon"`
	Altitude int     `json:"altitude"`
}

// get asks a function for a path.
func (d *deployment) get(handler lambda.Handler, path string) events.APIGatewayV2HTTPResponse {
	d.t.Helper()
	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: path, Headers: map[string]string{"host": "localhost"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RequestID: "test", Stage: "$default",
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "GET", Path: path, Protocol: "HTTP/1.1", SourceIP: "127.0.0.1"},
		},
	}
	payload, err := json.Marshal(request)
	must(d.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // Lambda ends an invocation as well
	defer cancel()
	raw, err := handler.Invoke(ctx, payload)
	must(d.t, err)
	var response events.APIGatewayV2HTTPResponse
	must(d.t, json.Unmarshal(raw, &response))
	return response
}

// ask gets /api/flights from a function.
func (d *deployment) ask(handler lambda.Handler) flights {
	d.t.Helper()
	response := d.get(handler, "/api/flights")
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		var err error
		body, err = base64.StdEncoding.DecodeString(response.Body)
		must(d.t, err)
	}
	if response.StatusCode != http.StatusOK {
		d.t.Fatalf("status %d: %s", response.StatusCode, shorten(string(body)))
	}
	var answer flights
	must(d.t, json.Unmarshal(body, &answer)) // NaN would not be JSON
	slices.SortFunc(answer.Flights, func(a, b flight) int { return cmp.Compare(a.Callsign, b.Callsign) })
	return answer
}

// flightsOf are the flights of a fixture.
func flightsOf(s *snapshot) []flight {
	list := []flight{}
	for _, r := range s.of(vatsim.KindPilot) {
		if r.stored() {
			list = append(list, flight{r.callsign, float64(r.lat) / 1e5, float64(r.lon) / 1e5, r.alt})
		}
	}
	slices.SortFunc(list, func(a, b flight) int { return cmp.Compare(a.Callsign, b.Callsign) })
	return list
}

// shows wants the snapshot's flights from a new function at once, and from the
// warm one as soon as it looks again.
func (d *deployment) shows(s *snapshot) {
	d.t.Helper()
	cold := d.ask(d.function(app.APIFlights))
	near := gocmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	if diff := gocmp.Diff(flightsOf(s), cold.Flights, near); diff != "" || !cold.Meta.Snapshot.Equal(s.key()) || cold.Meta.Stale {
		d.t.Errorf("a new function shows %s, stale %v (-served +shown):\n%s", cold.Meta.Snapshot, cold.Meta.Stale, shorten(diff))
	}
	var warm flights
	eventually(d.t, "the warm function shows the snapshot", func() bool {
		warm = d.ask(d.warm)
		return warm.Meta.Snapshot.Equal(s.key())
	})
	if diff := gocmp.Diff(flightsOf(s), warm.Flights, near); diff != "" {
		d.t.Errorf("the warm function (-served +shown):\n%s", shorten(diff))
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	options, err := redis.ParseURL(d.redis.URL)
	must(t, err)
	admin := redis.NewClient(options)
	t.Cleanup(func() { _ = admin.Close() })
	ctx := context.Background()
	overwrite := func(write func(key string) error) func(t *testing.T) {
		return func(t *testing.T) {
			keys, err := admin.Keys(ctx, "*").Result()
			must(t, err)
			if len(keys) == 0 {
				t.Fatal("nothing is published: this is not the cache that is meant")
			}
			for _, key := range keys {
				must(t, admin.Del(ctx, key).Err())
				must(t, write(key))
			}
		}
	}
	none := func(*testing.T) {}
	k := 0
	for _, test := range []struct {
		number   int
		sentence string
		before   func(t *testing.T) // before the tick
		between  func(t *testing.T) // after the tick, before the questions
		after    func(t *testing.T)
	}{
		{number: 27, sentence: "well", before: none, between: none, after: none},
		{number: 27, sentence: "frozen", before: func(*testing.T) { d.redis.Server.Pause() }, between: none, after: func(*testing.T) { d.redis.Server.Resume() }},
		{number: 27, sentence: "well again", before: none, between: none, after: none},
		{number: 27, sentence: "frozen after the tick", before: none, between: func(*testing.T) { d.redis.Server.Pause() }, after: func(*testing.T) { d.redis.Server.Resume() }},
		{number: 27, sentence: "too slow", before: func(t *testing.T) { must(t, admin.Do(ctx, "CLIENT", "PAUSE", "60000", "ALL").Err()) }, between: none,
			after: func(t *testing.T) { must(t, d.redis.Server.Kill()); must(t, d.redis.Server.Restart(ctx)) }},
		{number: 27, sentence: "down", before: func(t *testing.T) { must(t, d.redis.Server.Kill()) }, between: none, after: func(t *testing.T) { must(t, d.redis.Server.Restart(ctx)) }},
		{number: 27, sentence: "empty after a restart", before: none, between: func(t *testing.T) { must(t, admin.FlushAll(ctx).Err()) }, after: none},
		{number: 27, sentence: "out of memory without eviction", before: func(t *testing.T) {
			must(t, admin.ConfigSet(ctx, "maxmemory-policy", "noeviction").Err())
			must(t, admin.ConfigSet(ctx, "maxmemory", "1").Err())
		}, between: none, after: func(t *testing.T) { must(t, admin.ConfigSet(ctx, "maxmemory", "256mb").Err()) }},
		{number: 27, sentence: "holding garbage", before: none, between: overwrite(func(key string) error { return admin.Set(ctx, key, "\x00\xff{garbage", 0).Err() }), after: none},
		{number: 27, sentence: "holding other types", before: none, between: overwrite(func(key string) error { return admin.LPush(ctx, key, "x", "y").Err() }), after: none},
		{number: 28, sentence: "holding what another version of ours wrote", before: func(t *testing.T) {
			must(t, admin.FlushAll(ctx).Err())
			must(t, admin.Set(ctx, "sl:"+source+":0:pointer", "9999999999999999 9999999999999999", 0).Err())
			must(t, admin.Set(ctx, "sl:"+source+":0:9999999999999999:flights.json", "{}", 0).Err())
		}, between: none, after: none},
	} {
		t.Run(fmt.Sprintf("%d: with Redis %s ticks go on and answers are the same", test.number, test.sentence), func(t *testing.T) {
			d := &deployment{world: d.in(t), redis: d.redis, ingest: d.ingest, warm: d.warm, runtimes: d.runtimes}
			test.before(t)
			s := traffic(k, 20)
			d.serve(s)
			d.deliver(k)
			test.between(t)
			d.shows(s)
			test.after(t)
			k++
		})
	}
	d.verify()
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	scenario(t, 22, "answers that hold every connection of theirs leave the recorder its own, and the next one is told when to come again", func(t *testing.T) {
		d := newDeployment(t)
		one := d.process() // everything in one process, as the local runner has it
		one.Config.DatabasePoolSize = 2
		d.ingest = d.functionOf(one, app.Ingest)
		status := d.functionOf(one, app.APIStatus)
		d.record(0, 0, 12)
		d.serve(traffic(1, 12))
		d.deliver(1)

		locked := d.lock(`LOCK TABLE ticks IN ACCESS EXCLUSIVE MODE`)
		slow := make(chan int, one.Config.DatabasePoolSize)
		for range cap(slow) {
			go func() { slow <- d.get(status, "/api/feed/ledger").StatusCode }()
		}
		d.untilSoManyWait(cap(slow))
		refused := d.get(status, "/api/feed/ledger")
		if refused.StatusCode != http.StatusServiceUnavailable || refused.Headers["Retry-After"] == "" {
			t.Errorf("status %d, headers %v", refused.StatusCode, refused.Headers)
		}
		d.serve(traffic(2, 12))
		ticked := make(chan struct{})
		go func() {
			defer close(ticked)
			d.deliver(2)
		}()
		d.untilSoManyWait(cap(slow) + 1) // the tick has a connection
		locked.release()
		<-ticked
		for range cap(slow) {
			if code := <-slow; code != http.StatusOK {
				t.Errorf("an answer that was only slow is %d", code)
			}
		}
		d.checkSnapshots()
		d.verify()
	})
}

func TestFeedIsDownForLong(t *testing.T) {
	t.Parallel()
	scenario(t, 5, "while the feed is down its last data is served, marked stale within two ticks, and recovers with one", func(t *testing.T) {
		d := newDeployment(t)
		last := traffic(0, 20)
		d.serve(last)
		d.deliver(0)
		d.shows(last)
		d.always(scripted.Status(503))
		for k := 1; k <= 3; k++ {
			d.deliver(k)
		}
		d.clock.set(tickAt(3).Add(fetchedAfter + time.Second)) // two ticks are missed, the third is due
		answer := d.ask(d.function(app.APIFlights))
		if !answer.Meta.Stale || !answer.Meta.Snapshot.Equal(last.key()) || len(answer.Flights) != last.count(vatsim.KindPilot) {
			t.Errorf("stale %v, %d flights of %s", answer.Meta.Stale, len(answer.Flights), answer.Meta.Snapshot)
		}
		d.clock.set(tickAt(4))
		d.restartIngest()
		next := traffic(5, 20)
		d.serve(next)
		d.deliver(5)
		d.shows(next)
		d.verify()
	})

	scenario(t, 16, "an answer's age is never negative, whatever the clocks say", func(t *testing.T) {
		d := newDeployment(t)
		d.serve(traffic(242, 20))
		d.deliver(2)
		if answer := d.ask(d.function(app.APIFlights)); answer.Meta.Age < 0 {
			t.Errorf("age %d s", answer.Meta.Age)
		}
	})

	scenario(t, 9, "flights of a suspicious snapshot are not shown; the last good ones are, as stale", func(t *testing.T) {
		d := newDeployment(t)
		good := traffic(0, 60)
		d.serve(good)
		d.deliver(0)
		d.serve(newSnapshot(stampOf(1)))
		d.deliver(1)
		answer := d.ask(d.function(app.APIFlights))
		if !answer.Meta.Stale || !answer.Meta.Snapshot.Equal(good.key()) || len(answer.Flights) != good.count(vatsim.KindPilot) {
			t.Errorf("stale %v, %d flights of %s", answer.Meta.Stale, len(answer.Flights), answer.Meta.Snapshot)
		}
		d.verify()
	})

	scenario(t, 3, "a late snapshot never moves what is shown back", func(t *testing.T) {
		d := newDeployment(t)
		d.serve(traffic(0, 20))
		d.deliver(0)
		newest := traffic(2, 20)
		d.serve(newest)
		d.deliver(2)
		d.shows(newest)
		d.serve(traffic(1, 20))
		d.deliver(3)
		d.shows(newest)
		d.verify()
	})
}

// restartIngest starts the recorder's process anew: its breaker opens for 14 s
// of real time, which no test waits for.
func (d *deployment) restartIngest() { d.ingest = d.function(app.Ingest) }
