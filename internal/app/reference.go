package app

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/reference"
)

// Reference builds the daily refresh of the reference data.
func Reference(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	places, err := runtime.Places(ctx)
	if err != nil {
		return nil, err
	}
	refresher := reference.NewRefresher(reference.RefresherOptions{
		World: places.World, Keeper: database, Source: referenceSource(runtime),
		Clock: runtime.Clock, Logger: runtime.Logger, Metrics: runtime.Metrics("reference"),
	})
	return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := refresher.Run(ctx)
		return nil, err
	}), nil
}

// referenceSource is the directory that the settings name, else the index.
func referenceSource(runtime *Runtime) reference.Source {
	settings := runtime.Config
	if settings.ReferenceDir != "" {
		return reference.NewDirectory(settings.ReferenceDir)
	}
	return reference.NewIndex(reference.IndexOptions{
		URL: settings.ReferenceURL, Contact: settings.FeedContact, Clock: runtime.Clock, Logger: runtime.Logger,
	})
}

// Places returns the reader of the reference data, one for all functions of the
// process.
func (r *Runtime) Places(ctx context.Context) (*reference.Reader, error) {
	database, err := r.Answers(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.places == nil {
		r.places = reference.NewReader(reference.ReaderOptions{Shelf: database, Clock: r.Clock, Logger: r.Logger})
	}
	return r.places, nil
}
