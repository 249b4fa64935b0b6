package main

import (
	"context"
	"errors"
)

// rebuildTables computes every derived table again from the log.
func rebuildTables(ctx context.Context, s session) error {
	return onParts(ctx, s, false, func(context.Context, []string) error {
		return errors.New("rebuild is not part of this build yet")
	})
}

// verifyTables checks the database against the log.
func verifyTables(ctx context.Context, s session) error {
	return onParts(ctx, s, true, func(context.Context, []string) error {
		return errors.New("verify is not part of this build yet")
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
