package app

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/analyze"
)

// Analyze builds the function that finds out every minute what the network did,
// and has people told of what rules ask about.
func Analyze(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	log, err := runtime.Log(ctx)
	if err != nil {
		return nil, err
	}
	places, err := runtime.Places(ctx)
	if err != nil {
		return nil, err
	}
	runner := analyze.New(analyze.Options{
		Log: log, Store: database, Places: places,
		Logger: runtime.Logger, Metrics: runtime.Metrics("analyze"), Faults: runtime.Faults(),
	})
	alerts, err := runtime.AlertEvaluator(ctx)
	if err != nil {
		return nil, err
	}
	return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := runner.Run(ctx)
		// After analysis and apart from it: neither keeps the other from its turn.
		_, alertErr := alerts.Run(ctx)
		return nil, errors.Join(err, alertErr)
	}), nil
}
