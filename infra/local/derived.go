package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/verify"
)

// rebuildTables computes every derived table again from the log.
func rebuildTables(ctx context.Context, s session) error {
	return onParts(ctx, s, false, func(context.Context, []string) error {
		return errors.New("rebuild is not part of this build yet")
	})
}

// verifyTables checks the database against the log and prints a line for each
// invariant. One that does not hold is an error.
func verifyTables(ctx context.Context, s session) error {
	return onParts(ctx, s, true, func(ctx context.Context, environ []string) error {
		settings, err := config.Load(environ)
		if err != nil {
			return err
		}
		runtime := &app.Runtime{Config: settings, Logger: startLogger(s.out), Clock: time.Now}
		defer runtime.Close()
		log, err := runtime.Log(ctx)
		if err != nil {
			return err
		}
		report, err := verify.Run(ctx, verify.Options{
			Log: log, URL: settings.DatabaseURL, Schema: settings.DatabaseSchema, Source: settings.Source,
			RetainPositions: settings.RetainPositions, RetainHistory: settings.RetainHistory,
		})
		if err != nil {
			return err
		}
		if err := report.Print(s.out); err != nil {
			return err
		}
		if !report.OK() {
			return errors.New("these do not hold: " + strings.Join(report.Failed(), ", "))
		}
		return nil
	})
}

// onParts gives a command the environment of the source it works on: settings
// that lead to its database, its cache and its log. One that may share works
// beside a run that is going on.
func onParts(ctx context.Context, s session, share bool, work func(ctx context.Context, environ []string) error) (err error) {
	from, err := sourceOf(s)
	if err != nil {
		return err
	}
	servers, err := startParts(ctx, s, share, startLogger(s.out))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop(ctx)) }()
	environ, err := environment(ctx, s, servers, from)
	if err != nil {
		return err
	}
	return work(ctx, environ)
}
