package telemetry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Namespace is the CloudWatch namespace of every metric.
const Namespace = "Skyledger"

// Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	Bytes        Unit = "Bytes"
)

// Value is one measurement.
type Value struct {
	Value float64
	Unit  Unit
}

// Metrics logs outcomes together with their measurements and remembers sums for
// whoever reports them in the same process. The zero value is not usable.
type Metrics struct {
	logger   *zap.Logger
	function string
	clock    func() time.Time

	mu     sync.Mutex
	totals map[string]float64
	last   map[string]float64
}

// NewMetrics returns metrics that log through logger with the function as their
// dimension.
func NewMetrics(logger *zap.Logger, function string, clock func() time.Time) *Metrics {
	return &Metrics{logger: logger, function: function, clock: clock, totals: map[string]float64{}, last: map[string]float64{}}
}

// Emit writes one log line that is also a metric record: CloudWatch reads the
// "_aws" member (the embedded metric format), people read the rest. The format
// is AWS's "Specification: Embedded metric format".
func (m *Metrics) Emit(ctx context.Context, operation, outcome string, values map[string]Value, fields ...zap.Field) {
	m.remember(values)
	names := slices.Sorted(maps.Keys(values))
	definitions := make([]map[string]string, 0, len(names))
	line := make([]zap.Field, 0, len(names)+len(fields)+4)
	line = append(line, zap.String("function", m.function), zap.String("operation", operation), zap.String("outcome", outcome))
	for _, name := range names {
		definitions = append(definitions, map[string]string{"Name": name, "Unit": string(values[name].Unit)})
		line = append(line, zap.Float64(name, values[name].Value))
	}
	line = append(line, fields...)
	line = append(line, zap.Any("_aws", map[string]any{
		"Timestamp": m.clock().UnixMilli(),
		"CloudWatchMetrics": []map[string]any{{
			"Namespace":  Namespace,
			"Dimensions": [][]string{{"function"}},
			"Metrics":    definitions,
		}},
	}))
	For(ctx, m.logger).Info(operation, line...)
}

func (m *Metrics) remember(values map[string]Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, value := range values {
		m.totals[name] += value.Value
		m.last[name] = value.Value
	}
}

// Totals returns the sum of each metric since the process started.
func (m *Metrics) Totals() map[string]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.totals)
}

// Last returns the newest value of each metric.
func (m *Metrics) Last() map[string]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.last)
}
