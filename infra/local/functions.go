package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/infra/local/cloud"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/projection"
)

// tickQueue sends ingest's later ticks through the local queue.
type tickQueue struct{ queue *cloud.Queue }

// Later implements ingest.Queue.
func (q tickQueue) Later(ctx context.Context, tick time.Time, delay time.Duration) error {
	body, err := json.Marshal(map[string]time.Time{"tick": tick})
	if err != nil {
		return err
	}
	return q.queue.Send(ctx, string(body), delay)
}

// system is every function of the manifest in its place.
type system struct {
	agenda    *cloud.Agenda
	queue     *cloud.Queue
	gateway   *cloud.Gateway
	functions map[string]*cloud.Function
	schedules []cloud.Schedule
	routes    int
	logger    *zap.Logger
}

// newSystem builds every function of the manifest once and puts it behind its
// routes and its queue; its schedules wait for begin.
func newSystem(ctx context.Context, runtime *app.Runtime, agenda *cloud.Agenda, logger *zap.Logger) (*system, error) {
	s := &system{
		agenda: agenda, queue: cloud.NewQueue(manifest.TickQueueName, agenda, logger),
		gateway: cloud.NewGateway(agenda.Clock, logger), functions: map[string]*cloud.Function{}, logger: logger,
	}
	runtime.Queue = tickQueue{s.queue}
	var failures []error
	builders := app.Builders()
	for _, row := range manifest.Functions() {
		build := builders[row.Name]
		if build == nil {
			failures = append(failures, fmt.Errorf("the function %s of the manifest has no builder", row.Name))
			continue
		}
		handler, err := build(ctx, runtime)
		if err != nil {
			failures = append(failures, fmt.Errorf("building %s: %w", row.Name, err))
			continue
		}
		s.place(row, cloud.NewFunction(row.Name, handler, row.Timeout, row.Concurrency, logger))
	}
	return s, errors.Join(failures...)
}

func (s *system) place(row manifest.Function, function *cloud.Function) {
	s.functions[row.Name] = function
	if row.Trigger.Queue == s.queue.Name {
		s.queue.Deliver(function)
	}
	for _, route := range row.Trigger.Routes {
		s.gateway.Route(route.Method, route.Path, function)
		s.routes++
	}
	if every := time.Duration(row.Trigger.Schedule); every > 0 {
		s.schedules = append(s.schedules, cloud.Schedule{
			Function: function, Every: every, Retries: row.Trigger.RetryLimit, MaxAge: row.Trigger.MaxEventAge,
			// What comes every minute waits for the next one; what comes rarely
			// does not let a fresh installation wait for hours.
			AtStart: every > time.Minute,
		})
	}
}

// begin starts the schedules and queues the ticks that are left of the minute
// we start in, as the minute's event would have done.
func (s *system) begin(ctx context.Context, skip func(time.Time) time.Time) error {
	for _, schedule := range s.schedules {
		schedule.Skip = skip
		schedule.Start(s.agenda, s.logger)
	}
	now := s.agenda.Clock.Now()
	minute := now.Truncate(time.Minute)
	if minute.Equal(now) {
		return nil // the minute's event comes at once
	}
	for tick := now.Truncate(projection.TickLength); tick.Before(minute.Add(time.Minute)); tick = tick.Add(projection.TickLength) {
		if err := (tickQueue{s.queue}).Later(ctx, tick, max(0, tick.Sub(now))); err != nil {
			return err
		}
	}
	return nil
}

// catchUp repeats the last tick until a repetition finds nothing left to
// project, and has the rest analysed: whatever the log has is then in the
// database, and what it shows.
func (s *system) catchUp(ctx context.Context, last time.Time, sums func() map[string]float64) error {
	for ctx.Err() == nil {
		before := sums()
		if err := (tickQueue{s.queue}).Later(ctx, last, 0); err != nil {
			return err
		}
		s.agenda.Run(ctx, s.agenda.Clock.Now())
		after := sums()
		if after["projected"] == before["projected"] {
			if after["delayed"] > before["delayed"] || after["errors"] > before["errors"] {
				return errors.New("the database refuses what is left in the log: run again when it is back")
			}
			return s.analyzeRest(ctx)
		}
	}
	return ctx.Err()
}

// analyzeRest sends analyze an event for the snapshots of the last minute, whose
// own event comes no more.
func (s *system) analyzeRest(ctx context.Context) error {
	for _, schedule := range s.schedules {
		if schedule.Function.Name == "analyze" {
			schedule.Once(s.agenda, s.logger)
		}
	}
	s.agenda.Run(ctx, s.agenda.Clock.Now())
	return ctx.Err()
}
