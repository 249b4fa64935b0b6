package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/rebuild"
	"github.com/skyledger/skyledger/internal/verify"
)

// rebuildTables computes every derived table again from the log and puts the
// new ones in the place of the old.
func rebuildTables(ctx context.Context, s session) error {
	return onLog(ctx, s, false, func(ctx context.Context, runtime *app.Runtime, log *rawlog.Log) error {
		options, err := rebuildOptions(ctx, runtime, log)
		if err != nil {
			return err
		}
		options.Swap = true
		options.Progress = progressLine(s.out)
		report, err := rebuild.Run(ctx, options)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Rebuilt from %s records of the log: %s snapshots, %s rows, %s positions, %d hours in chunks, %s movements, in %s\n",
			grouped(int64(report.Records)), grouped(int64(report.Snapshots)), grouped(int64(report.Rows)), grouped(int64(report.Positions)),
			report.ChunkedHours, grouped(int64(report.Movements)), report.Took.Round(time.Millisecond))
		if report.Unreadable > 0 {
			fmt.Fprintf(s.out, "%s records cannot be read: see the log above\n", grouped(int64(report.Unreadable)))
		}
		return nil
	})
}

func rebuildOptions(ctx context.Context, runtime *app.Runtime, log *rawlog.Log) (rebuild.Options, error) {
	places, err := runtime.Places(ctx)
	settings := runtime.Config
	return rebuild.Options{
		Log: log, Places: places, DatabaseURL: settings.DatabaseURL, Source: settings.Source, Schema: settings.DatabaseSchema,
		SuspiciousTicks: settings.SuspiciousTicks, ChunkDelay: settings.ChunkDelay, Logger: runtime.Logger,
	}, err
}

// progressLine returns a function that says how far a long step is, every few
// seconds.
func progressLine(out io.Writer) func(what string, done, total int) {
	last := time.Now()
	return func(what string, done, total int) {
		if time.Since(last) < 5*time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(out, "  %s of %s %s\n", grouped(int64(done)), grouped(int64(total)), what)
	}
}

// verifyTables checks the database against the log and prints a line for each
// invariant. One that does not hold is an error.
func verifyTables(ctx context.Context, s session) error {
	return onLog(ctx, s, true, func(ctx context.Context, runtime *app.Runtime, log *rawlog.Log) error {
		settings := runtime.Config
		progress := progressLine(s.out)
		report, err := verify.Run(ctx, verify.Options{
			Log: log, URL: settings.DatabaseURL, Schema: settings.DatabaseSchema, Source: settings.Source,
			RetainPositions: settings.RetainPositions, RetainHistory: settings.RetainHistory,
			Progress: func(done, total int) { progress("snapshots compared", done, total) },
			Replay: func(ctx context.Context, from time.Time) error {
				// Of its own: the counts that are compared need its connections closed.
				replaying := &app.Runtime{Config: settings, Logger: runtime.Logger, Clock: time.Now}
				return errors.Join(app.Replay(ctx, replaying, from), replaying.Close())
			},
			Rebuild: func(ctx context.Context, schema string, through, analyzed time.Time) error {
				options, err := rebuildOptions(ctx, runtime, log)
				if err != nil {
					return err
				}
				options.FreshSchema, options.Through = schema, through
				options.Progress, options.AnalyzeThrough = progress, analyzed
				_, err = rebuild.Run(ctx, options)
				return err
			},
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

// onLog gives a command the runtime and the log of the source it works on.
func onLog(ctx context.Context, s session, share bool, work func(context.Context, *app.Runtime, *rawlog.Log) error) error {
	return onParts(ctx, s, share, func(ctx context.Context, environ []string) (err error) {
		settings, err := config.Load(environ)
		if err != nil {
			return err
		}
		runtime := &app.Runtime{Config: settings, Logger: startLogger(s.out), Clock: time.Now}
		defer func() { err = errors.Join(err, runtime.Close()) }()
		log, err := runtime.Log(ctx)
		if err != nil {
			return err
		}
		return work(ctx, runtime, log)
	})
}

// printURL prints where psql finds the database of the run that is going on. It
// is for the owner's terminal: the address holds the password.
func printURL(ctx context.Context, s session) error {
	from, err := sourceOf(s)
	if err != nil {
		return err
	}
	servers, err := sharedParts(filepath.Join(s.options.data, "running.json"))
	if err != nil {
		return fault.E("local.printURL", fault.NotFound, "not_running", err).
			WithMessage("Nothing runs on " + s.options.data + ": start the recorder first, or name --data.")
	}
	address, err := servers.database(ctx, from.database())
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, address)
	return nil
}

// onParts gives a command the environment of the source it works on: settings
// that lead to its database, its cache and its log. One that may share works
// beside a run that is going on.
func onParts(ctx context.Context, s session, share bool, work func(ctx context.Context, environ []string) error) (err error) {
	if _, err := loadSettings(s.environ); err != nil {
		return err // before any server is started
	}
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
