package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/infra/local/cloud"
	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/vatsim"
)

const (
	readRounds  = 7
	readRound   = 300 * time.Millisecond // of each handler, by turns
	readers     = 2                      // at once, as many as there are cores in CI
	clients     = 32
	clientsTime = 5 * time.Second
	latencyGoal = 300 // ms, the service level for the 99th percentile
)

// readWorld is a live view in memory and in a real Redis.
type readWorld struct {
	clock  func() time.Time
	memory *live.Memory
	client *redis.Client
}

// measureReads compares reads, from event to response behind the Lambda
// adapter, with a handler that returns the same bytes and headers, and measures
// what a filtered list takes over HTTP.
func measureReads(ctx context.Context, set settings) (rows []Row, err error) {
	dir, err := os.MkdirTemp("", "skyledger-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := provision.Redis(ctx, provision.RedisOptions{DataDir: filepath.Join(dir, "redis")})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	client, err := live.Dial(server.URL())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	world, err := newReadWorld(ctx, set.aircraft, client)
	if err != nil {
		return nil, err
	}
	for _, encoding := range []string{"gzip", "identity"} {
		compared, err := world.compare(ctx, encoding)
		if err != nil {
			return nil, err
		}
		rows = append(rows, compared...)
	}
	filtered, err := world.filtered(ctx)
	return append(rows, filtered...), err
}

func newReadWorld(ctx context.Context, aircraft int, client *redis.Client) (*readWorld, error) {
	simulated, err := simulator.New(simulator.Options{Seed: 1, Aircraft: aircraft})
	if err != nil {
		return nil, err
	}
	network, _ := simulated.At(epoch)
	snapshot, err := vatsim.Decode(network)
	if err != nil {
		return nil, err
	}
	w := &readWorld{memory: live.NewMemory(), client: client, clock: func() time.Time { return snapshot.UpdateTimestamp.Add(4 * time.Second) }}
	view := live.Build(snapshot, nil, nil, live.Meta{Source: sourceName, Received: snapshot.UpdateTimestamp.Add(time.Second)})
	return w, live.NewPublisher(client, sourceName, w.memory).Publish(ctx, view)
}

// handler answers from memory, kept or emptied before each request.
func (w *readWorld) handler(forget bool) (http.Handler, func(), error) {
	options := live.Options{
		Client: w.client, Space: sourceName, Memory: w.memory, Clock: w.clock,
		Fallback: func(context.Context, time.Time) (live.Newest, error) {
			return live.Newest{}, fault.E("bench.reads", fault.Unavailable, "no_log", nil)
		},
	}
	reader := live.NewReader(options)
	var shown api.Live = reader
	if forget {
		options.Memory = nil
		shown = forgetful{reader, options}
	}
	policy, err := access.NewPolicy(access.Open, false)
	if err != nil {
		return nil, nil, err
	}
	// Requests are counted as in a deployment, only that there are always more.
	gate := access.NewGate(access.Options{
		Policy: policy, Redis: w.client, Space: sourceName, Rates: access.Rates{Address: access.PerMinute(1_000_000_000)},
	})
	handler, err := api.New(api.Deps{Live: shown, Gate: gate, Source: sourceName, Clock: w.clock, Logger: zap.NewNop()}, "api-flights")
	return handler, func() { reader.Close(); gate.Close() }, err
}

// forgetful reads with an empty memory every time.
type forgetful struct {
	api.Live
	options live.Options
}

func (f forgetful) Get(ctx context.Context, name live.Name, encoding live.Encoding) (live.Answer, error) {
	return live.NewReader(f.options).Get(ctx, name, encoding)
}

func (w *readWorld) compare(ctx context.Context, encoding string) ([]Row, error) {
	fromMemory, closeMemory, err := w.handler(false)
	if err != nil {
		return nil, err
	}
	defer closeMemory()
	fromRedis, closeRedis, err := w.handler(true)
	if err != nil {
		return nil, err
	}
	defer closeRedis()
	contenders := []*contender{
		{handler: api.Lambda(static(fromMemory, encoding))}, {handler: api.Lambda(fromMemory)}, {handler: api.Lambda(fromRedis)},
	}
	event, err := readEvent(encoding)
	if err != nil {
		return nil, err
	}
	for range readRounds {
		for _, contender := range contenders {
			if err := contender.round(ctx, event); err != nil {
				return nil, err
			}
		}
	}
	limit := contenders[0].rate()
	row := func(name string, c *contender, goal float64) Row {
		return newFloor("read from "+name+", "+encoding, c.rate(), "/s", limit, "a handler of the same bytes, /s", goal)
	}
	return []Row{row("memory", contenders[1], 0.9), row("Redis", contenders[2], 0.4)}, nil
}

// static returns the same bytes and headers without doing anything.
func static(handler http.Handler, encoding string) http.Handler {
	recorder := httptest.NewRecorder()
	for range 2 { // the second answer is the one that repeats
		recorder = httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/api/flights", nil)
		request.Header.Set("Accept-Encoding", encoding)
		handler.ServeHTTP(recorder, request)
	}
	body, headers := recorder.Body.Bytes(), recorder.Header()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), headers)
		_, _ = w.Write(body)
	})
}

func readEvent(encoding string) ([]byte, error) {
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: "/api/flights", Headers: map[string]string{"accept-encoding": encoding, "host": "127.0.0.1"},
	}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path, event.RequestContext.HTTP.SourceIP = http.MethodGet, "/api/flights", "127.0.0.1"
	return json.Marshal(event)
}

// contender is one handler of a comparison.
type contender struct {
	handler lambda.Handler
	rates   []float64 // requests a second, a round each
}

func (c *contender) rate() float64 { return median(c.rates) }

// round sends requests from all readers for a while.
func (c *contender) round(ctx context.Context, event []byte) error {
	var group sync.WaitGroup
	counts, failures := make([]int, readers), make([]error, readers)
	began := time.Now()
	for reader := range readers {
		group.Go(func() {
			for time.Since(began) < readRound && failures[reader] == nil {
				_, failures[reader] = c.handler.Invoke(ctx, event)
				counts[reader]++
			}
		})
	}
	group.Wait()
	took := time.Since(began).Seconds()
	c.rates = append(c.rates, float64(counts[0]+counts[1])/took)
	return errors.Join(failures...)
}

// filtered measures lists that are cut to what was asked for, over HTTP through
// the gateway, for many clients at once.
func (w *readWorld) filtered(ctx context.Context) (rows []Row, err error) {
	handler, closeReader, err := w.handler(false)
	if err != nil {
		return nil, err
	}
	defer closeReader()
	gateway := cloud.NewGateway(cloud.WallClock(), zap.NewNop())
	gateway.Route(http.MethodGet, "/api/flights", cloud.NewFunction("api-flights", api.Lambda(handler), 0, 0, zap.NewNop()))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := gateway.Server()
	go func() { _ = server.Serve(listener) }() // ends with Close, which says so
	defer func() { err = errors.Join(err, server.Close()) }()
	address := "http://" + listener.Addr().String() + "/api/flights?"
	same := func(query string) func(int, int) string { return func(int, int) string { return query } }
	for _, asked := range []struct {
		name  string
		query func(client, turn int) string
	}{
		{"bbox…", same("bbox=-10,35,30,60")},
		{"near…", same("near=51.5,-0.5,200&fields=callsign,altitude,lat,lon")},
		{"sort…", same("sort=-altitude&limit=100&fields=callsign,altitude")},
		{"bbox… of each request's own", func(client, turn int) string { return fmt.Sprintf("bbox=-10.%02d%06d,35,30,60", client, turn) }},
	} {
		p99, err := percentile(ctx, func(client, turn int) string { return address + asked.query(client, turn) })
		if err != nil {
			return nil, err
		}
		rows = append(rows, newRow("flights?"+asked.name+", 99th percentile", p99, "ms", latencyGoal, fmt.Sprintf("%d ms, with %d clients", latencyGoal, clients), 1))
	}
	return rows, nil
}

// percentile asks from all clients at once and returns the 99th percentile in ms.
func percentile(ctx context.Context, target func(client, turn int) string) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	took, failures := make([][]float64, clients), make([]error, clients)
	var group sync.WaitGroup
	end := time.Now().Add(clientsTime)
	for n := range clients {
		group.Go(func() {
			for turn := 0; time.Now().Before(end) && failures[n] == nil; turn++ {
				began := time.Now()
				failures[n] = get(ctx, &http.Client{Transport: transport}, target(n, turn))
				took[n] = append(took[n], float64(time.Since(began))/float64(time.Millisecond))
			}
		})
	}
	group.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return all[len(all)*99/100], errors.Join(failures...)
}

func get(ctx context.Context, client *http.Client, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	// Asked for like this, the client leaves it compressed: unpacking is work of
	// the client's own machine, and would be half of all that this one does here.
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", target, response.Status))
	}
	return errors.Join(err, response.Body.Close())
}
