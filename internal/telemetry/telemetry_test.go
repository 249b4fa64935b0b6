package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/telemetry"
)

func TestEmitWritesOneLineThatIsALogAndAMetric(t *testing.T) {
	var out bytes.Buffer
	logger, err := telemetry.NewLogger(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return time.UnixMilli(1772366400123) }
	metrics := telemetry.NewMetrics(logger, "ingest", clock)
	ctx := telemetry.WithRequest(context.Background(), "r-1")
	for range 2 {
		out.Reset()
		metrics.Emit(ctx, "tick", "received", map[string]telemetry.Value{
			"rows": {Value: 7, Unit: telemetry.Count}, "tick_ms": {Value: 12.5, Unit: telemetry.Milliseconds},
		}, zap.String("reason", "none"))
	}

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one JSON line: %v\n%s", err, &out)
	}
	delete(line, "time")
	want := map[string]any{
		"level": "info", "msg": "tick", "request_id": "r-1", "function": "ingest", "operation": "tick",
		"outcome": "received", "rows": 7.0, "tick_ms": 12.5, "reason": "none",
		"_aws": map[string]any{
			"Timestamp": 1772366400123.0,
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace": "Skyledger", "Dimensions": []any{[]any{"function"}},
				"Metrics": []any{map[string]any{"Name": "rows", "Unit": "Count"}, map[string]any{"Name": "tick_ms", "Unit": "Milliseconds"}},
			}},
		},
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"rows": 14, "tick_ms": 25}, metrics.Totals()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"rows": 7, "tick_ms": 12.5}, metrics.Last()); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownLevelsAreRefused(t *testing.T) {
	if _, err := telemetry.NewLogger(nil, "loud"); err == nil {
		t.Error("the level loud was accepted")
	}
}
