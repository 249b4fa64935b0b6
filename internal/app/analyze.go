package app

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/analyze"
)

// Analyze builds the function that finds out every minute what the network did.
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
	return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := runner.Run(ctx)
		return nil, err
	}), nil
}
