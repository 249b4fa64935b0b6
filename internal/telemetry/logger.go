package telemetry

import (
	"context"
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns a logger of JSON lines to w (os.Stdout when nil, which is
// where Lambda collects them) from the given level on: debug, info, warn or
// error. An unknown level is an error that names the choices.
func NewLogger(w io.Writer, level string) (*zap.Logger, error) {
	if w == nil {
		w = os.Stdout
	}
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey = "time"
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), parsed)
	return zap.New(core), nil
}

type contextKey struct{}

// WithRequest returns a context whose log lines carry the request id.
func WithRequest(ctx context.Context, requestID string) context.Context {
	return context.WithValue(ctx, contextKey{}, requestID)
}

// RequestID returns the id that WithRequest put into ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(contextKey{}).(string)
	return id
}

// For returns logger with the fields that ride in ctx.
func For(ctx context.Context, logger *zap.Logger) *zap.Logger {
	if id := RequestID(ctx); id != "" {
		return logger.With(zap.String("request_id", id))
	}
	return logger
}
