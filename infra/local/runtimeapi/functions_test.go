package runtimeapi

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/provision/redistest"
)

func event(t *testing.T, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile("../../../events/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// settings lead a function to a fresh database and cache.
func settings(t *testing.T) (environ []string, database string) {
	t.Helper()
	database = pgtest.New(t).URL
	return []string{
		"SOURCE=simulated", "DATABASE_URL=" + database, "REDIS_URL=" + redistest.New(t).URL, "LOG_URL=file://" + t.TempDir(),
	}, database
}

// TestBuiltFunctionsAnswerTheirEvents runs what is deployed: migrate makes the
// tables, api-status answers from them, and what they used is in the database
// as it was counted here.
func TestBuiltFunctionsAnswerTheirEvents(t *testing.T) {
	environ, database := settings(t)
	migrate := begin(t, options(t, "migrate", environ...))
	if _, err := migrate.Invoke(t.Context(), "", event(t, "migrate")); err != nil {
		t.Fatalf("%v\n%s", err, migrate.options.Output)
	}
	status := begin(t, options(t, "api-status", environ...))
	const invocations = 5
	for range invocations {
		result, err := status.Invoke(t.Context(), "", event(t, "api-status"))
		if err != nil {
			t.Fatalf("%v\n%s", err, status.options.Output)
		}
		var answer events.APIGatewayV2HTTPResponse
		if err := json.Unmarshal(result.Payload, &answer); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Body, `"source":"simulated"`) {
			t.Fatalf("answered %d %s", answer.StatusCode, answer.Body)
		}
	}
	holdUsage(t, database, "migrate", migrate, 1)
	holdUsage(t, database, "api-status", status, 1) // four more wait for the next minute
}

// holdUsage holds what a function wrote of itself against what was seen from
// outside.
func holdUsage(t *testing.T, database, function string, process *Process, invocations int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var counted, cold, inBuckets, peak int64
	var initMS float64
	var memory int32
	err = conn.QueryRow(t.Context(), `
		SELECT invocations, cold_starts, (SELECT sum(n) FROM unnest(histogram) AS n), peak_memory_bytes, init_ms, memory_mb
		FROM kept.function_usage WHERE function = $1`, function).Scan(&counted, &cold, &inBuckets, &peak, &initMS, &memory)
	if err != nil {
		t.Fatalf("%s wrote no usage: %v\n%s", function, err, process.options.Output)
	}
	if counted != invocations || inBuckets != invocations || cold != 1 || memory != 512 {
		t.Errorf("%s wrote %d invocations (%d in buckets), %d cold starts, %d MB", function, counted, inBuckets, cold, memory)
	}
	if outside := process.PeakMemory(); outside != nil && (peak > *outside || peak < *outside/2) {
		t.Errorf("%s wrote a peak of %d bytes, the kernel says %d", function, peak, *outside)
	}
	// Its own measure is to 10 ms and ends before it asks for its first event.
	if seen := float64(process.Init().Microseconds()) / 1000; initMS > seen+20 || initMS < 0 {
		t.Errorf("%s wrote a start of %v ms, seen were %v", function, initMS, seen)
	}
}

// TestMemoryAndPoolFollowTheFunction looks at the line a function writes when
// it has started.
func TestMemoryAndPoolFollowTheFunction(t *testing.T) {
	tests := []struct {
		name     string
		memory   int
		settings []string
		limit    float64
		pool     float64
	}{
		{"four fifths of 512 MB and two connections", 512, nil, 429496729, 2},
		{"four fifths of 128 MB and one connection", 128, nil, 107374182, 1},
		{"GOMEMLIMIT goes before", 512, []string{"GOMEMLIMIT=64MiB"}, 64 << 20, 2},
		{"DATABASE_POOL_SIZE goes before", 128, []string{"DATABASE_POOL_SIZE=7"}, 107374182, 7},
	}
	base := []string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "REDIS_URL=redis://127.0.0.1:1", "LOG_URL=file://" + t.TempDir()}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, "api-status", append(test.settings, base...)...)
			o.MemoryMB = test.memory
			begin(t, o)
			said := startedLine(t, o.Output.(*lines))
			if said.Limit != test.limit || said.Pool != test.pool || said.InitMS < 0 {
				t.Errorf("it says %+v", said)
			}
		})
	}
}

type started struct {
	Msg    string
	Limit  float64 `json:"memory_limit_bytes"`
	Pool   float64 `json:"pool_size"`
	InitMS float64 `json:"init_ms"`
}

// startedLine waits for the line: what a process writes may come after it has
// asked for its first invocation.
func startedLine(t *testing.T, output *lines) started {
	t.Helper()
	patience := time.NewTimer(30 * time.Second)
	defer patience.Stop()
	often := time.NewTicker(5 * time.Millisecond)
	defer often.Stop()
	for {
		for line := range strings.Lines(output.String()) {
			var said started
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "started" {
				return said
			}
		}
		select {
		case <-patience.C:
			t.Fatalf("it does not say that it started:\n%s", output.String())
		case <-often.C:
		}
	}
}
