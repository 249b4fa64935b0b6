package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/skyledger/skyledger/infra/local/runtimeapi"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/provision"
)

const (
	coldStarts = 5   // of each function; the median is the figure
	coldAlone  = 150 // ms, for an answer that needs no database
	coldWhole  = 300 // ms, with PostgreSQL and Redis
)

// coldWorld is the functions as they are deployed, on a real PostgreSQL and
// Redis that hold one recorded snapshot.
type coldWorld struct {
	binaries string
	environ  []string
}

// measureCold starts each function of the API anew, behind a Lambda Runtime
// API, and measures from the start of its process to its first answer.
func measureCold(ctx context.Context, set settings) (rows []Row, err error) {
	b, err := newBench(ctx, set.aircraft)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	redis, err := provision.Redis(ctx, provision.RedisOptions{DataDir: filepath.Join(b.dir, "redis")})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, redis.Stop(context.WithoutCancel(ctx))) }()
	database, err := b.database(ctx, "cold")
	if err != nil {
		return nil, err
	}
	w := &coldWorld{binaries: filepath.Join(b.dir, "functions"), environ: []string{
		"SOURCE=" + sourceName, "FEED_STATUS_URL=" + b.feed.StatusURL(), "DATABASE_URL=" + database, "QUERY_DATABASE_URL=" + database,
		"REDIS_URL=" + redis.URL(), "LOG_URL=file://" + filepath.Join(b.dir, "log"), "LOG_LEVEL=error",
	}}
	var functions []manifest.Function
	names := []string{"ingest"}
	for _, function := range manifest.Functions() {
		if len(function.Trigger.Routes) > 0 {
			functions, names = append(functions, function), append(names, function.Name)
		}
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	building := func(name string) { fmt.Fprintf(os.Stderr, "      building %s\n", name) }
	if err := runtimeapi.Build(ctx, root, w.binaries, names, building); err != nil {
		return nil, err
	}
	if err := w.record(ctx, b); err != nil {
		return nil, err
	}
	for _, function := range functions {
		measured, failed := w.function(ctx, function)
		rows, err = append(rows, measured...), errors.Join(err, failed)
	}
	return rows, err
}

// record lets the deployed ingest record one tick.
func (w *coldWorld) record(ctx context.Context, b *bench) (err error) {
	now := time.Now().UTC()
	if err := b.show(ctx, now); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]time.Time{"tick": projection.TickOf(now)})
	if err != nil {
		return err
	}
	batch, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: string(body)}}})
	if err != nil {
		return err
	}
	ingest, _ := manifest.Find("ingest")
	answer, _, err := w.once(ctx, ingest, w.environ, batch)
	if err == nil && string(answer) != `{"batchItemFailures":[]}` {
		err = fmt.Errorf("ingest answered %s", answer)
	}
	return err
}

// function measures an answer that needs nothing, with both servers away, and
// that of the function's first GET, with both there.
func (w *coldWorld) function(ctx context.Context, function manifest.Function) ([]Row, error) {
	routes := function.Trigger.Routes
	first := slices.IndexFunc(routes, func(r manifest.Route) bool { return r.Method == http.MethodGet && !strings.Contains(r.Path, "{") })
	if first < 0 {
		return nil, fmt.Errorf("%s has no GET that needs nothing said", function.Name)
	}
	event, err := json.Marshal(request(routes[first].Path))
	if err != nil {
		return nil, err
	}
	unknown, err := json.Marshal(request("/api/nothing-is-here"))
	if err != nil {
		return nil, err
	}
	away := append(slices.Clone(w.environ), "DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "REDIS_URL=redis://127.0.0.1:1")
	alone, err := w.median(ctx, function, away, unknown, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	whole, err := w.median(ctx, function, w.environ, event, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return []Row{
		newRow("cold start of "+function.Name+", no database", alone, "ms", coldAlone, "150 ms", 1),
		newRow("cold start of "+function.Name+", PostgreSQL and Redis", whole, "ms", coldWhole, "300 ms", 1),
	}, nil
}

func request(path string) events.APIGatewayV2HTTPRequest {
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = http.MethodGet, path
	event.RequestContext.HTTP.SourceIP = "192.0.2.1"
	return event
}

func (w *coldWorld) median(ctx context.Context, function manifest.Function, environ []string, event []byte, status int) (float64, error) {
	var took []float64
	for range coldStarts {
		answer, one, err := w.once(ctx, function, environ, event)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", function.Name, err)
		}
		var response events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(answer, &response); err != nil {
			return 0, err
		}
		if response.StatusCode != status {
			return 0, fmt.Errorf("%s answered %d: %.300s", function.Name, response.StatusCode, response.Body)
		}
		took = append(took, float64(one.Microseconds())/1000)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// once starts a process for one invocation and ends it. The time is from the
// process's start to its answer.
func (w *coldWorld) once(ctx context.Context, function manifest.Function, environ []string, event []byte) (answer []byte, took time.Duration, err error) {
	process, err := runtimeapi.Start(ctx, runtimeapi.Options{
		Binary: runtimeapi.Binary(w.binaries, function.Name), Function: function.Name,
		MemoryMB: function.Memory, Timeout: function.Timeout, Environ: environ, Output: os.Stderr,
	})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, process.Kill()) }()
	result, err := process.Invoke(ctx, "", event)
	return result.Payload, process.Init() + result.Took, err
}
