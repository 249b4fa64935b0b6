package app

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/skyledger/skyledger/internal/advisor"
	"github.com/skyledger/skyledger/internal/cleanup"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// handlerFunc is a lambda.Handler made of a function.
type handlerFunc func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke calls the function.
func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// Cleanup builds the hourly housekeeping.
func Cleanup(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	log, err := runtime.Log(ctx)
	if err != nil {
		return nil, err
	}
	settings := runtime.Config
	cleaner := cleanup.New(cleanup.Options{
		Store: database, Log: log, Clock: runtime.Clock, Logger: runtime.Logger, Metrics: runtime.Metrics("cleanup"), Faults: runtime.Faults(),
		Usage:           resource.Keeper{Kept: database, Disks: runtime.disks(), Retain: settings.RetainUsage},
		Advisor:         advisor.New(database, time.Now, runtime.Logger), // of the wall's hours, as usage is
		PartitionsAhead: settings.PartitionsAhead, ChunkDelay: settings.ChunkDelay, CompactDelay: settings.CompactDelay,
		RetainPositions: settings.RetainPositions, RetainHistory: settings.RetainHistory, RetainLog: settings.RetainLog,
		RetainErrors: settings.RetainErrors, RetainAlerts: settings.RetainAlerts,
	})
	return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_, err := cleaner.Run(ctx)
		return nil, err
	}), nil
}

// Migrate builds the function that brings the schema up to date on deploy.
func Migrate(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	if runtime.Config.DatabaseURL == "" {
		return nil, fault.E("app.Migrate", fault.Invalid, "settings", nil).WithMessage("DATABASE_URL is not set")
	}
	return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		address, err := runtime.databaseAddress(ctx)
		if err != nil {
			return nil, err
		}
		if err := store.Migrate(ctx, address, runtime.Config.DatabaseSchema, runtime.Config.Source); err != nil {
			return nil, err
		}
		return nil, runtime.letQueryRoleIn(ctx, address)
	}), nil
}
