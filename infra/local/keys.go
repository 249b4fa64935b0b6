package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

const keysDetails = `Keys let programs use what the API does not leave open. Each is shown once and
can be revoked at any time.

  keys add NAME [--scope read,query] [--expires 720h]   make a key and print it
  keys list                                             who has one, and when it was last used
  keys revoke ID                                        end one, within a minute everywhere

Scopes: read looks at what is recorded; query also runs SQL; admin may do
everything. Without --scope a key reads; without --expires it holds until it is
revoked. --source, --data and DATABASE_URL choose the database, as for every
command; a recorder may be running on it or not.
`

// manageKeys adds, lists and revokes keys.
func manageKeys(ctx context.Context, s session) error {
	work, err := keysCommand(s)
	if err != nil {
		return err
	}
	return onParts(ctx, s, true, func(ctx context.Context, environ []string) (err error) {
		settings, err := config.Load(environ)
		if err != nil {
			return err
		}
		runtime := &app.Runtime{Config: settings, Logger: startLogger(s.out), Clock: time.Now}
		defer func() { err = errors.Join(err, runtime.Close()) }()
		database, err := migrated(ctx, runtime)
		if err != nil {
			return err
		}
		return work(ctx, database)
	})
}

// keysCommand is what the arguments ask for; wrong ones are known before
// anything is started.
func keysCommand(s session) (func(context.Context, *store.Store) error, error) {
	wrong := func(message string) error {
		return fault.E("local.keys", fault.Invalid, "arguments", nil).WithMessage(message)
	}
	verb, rest := "", s.options.arguments
	if len(rest) > 0 {
		verb, rest = rest[0], rest[1:]
	}
	switch {
	case verb == "add" && len(rest) == 1:
		scopes, err := access.ParseScopes(orRead(s.options.scope))
		if err != nil {
			return nil, wrong(err.Error() + ".")
		}
		return func(ctx context.Context, database *store.Store) error {
			return addKey(ctx, s, database, rest[0], scopes)
		}, nil
	case verb == "list" && len(rest) == 0:
		return func(ctx context.Context, database *store.Store) error {
			keys, err := database.APIKeys(ctx)
			if err == nil {
				listKeys(s.out, keys, time.Now())
			}
			return err
		}, nil
	case verb == "revoke" && len(rest) == 1:
		return func(ctx context.Context, database *store.Store) error {
			return revokeKey(ctx, s.out, database, rest[0])
		}, nil
	}
	return nil, wrong("That is not how keys is used.\n\n" + keysDetails)
}

func orRead(scope string) string {
	if scope == "" {
		return string(access.Read)
	}
	return scope
}

// migrated returns the database, after making its tables where nobody ran the
// recorder on it yet, or an older one did.
func migrated(ctx context.Context, runtime *app.Runtime) (*store.Store, error) {
	database, err := runtime.Store(ctx)
	if err != nil {
		return nil, err
	}
	err = database.Ping(ctx)
	if reason := fault.ReasonOf(err); reason != "schema_missing" && reason != "schema_outdated" {
		return database, err
	}
	migrate, err := app.Migrate(ctx, runtime)
	if err != nil {
		return nil, err
	}
	_, err = migrate.Invoke(ctx, []byte(`{}`))
	return database, err
}

func addKey(ctx context.Context, s session, database *store.Store, name string, scopes []access.Scope) error {
	now := time.Now()
	var expires time.Time
	if s.options.expires != 0 {
		expires = now.Add(s.options.expires)
	}
	text, key, err := access.Issue(ctx, database, rand.Reader, name, scopes, now, expires)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Key %s for %s with %s, %s:\n\n  %s\n\nIt is shown this once. Send it as X-API-Key or as Authorization: Bearer.\n",
		key.ID, key.Name, strings.Join(key.Scopes, ", "), untilWhen(key), text)
	return nil
}

func untilWhen(key store.APIKey) string {
	if key.Expires.IsZero() {
		return "until it is revoked"
	}
	return "until " + minuteOf(key.Expires, "")
}

func revokeKey(ctx context.Context, out io.Writer, database *store.Store, id string) error {
	key, err := database.RevokeAPIKey(ctx, id, time.Now().UTC())
	if fault.Is(err, fault.NotFound) {
		return fault.E("local.revokeKey", fault.NotFound, "no_key", nil).WithMessage("There is no key " + id + ": keys list shows those there are.")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Key %s of %s is revoked since %s; every process refuses it within a minute.\n", key.ID, key.Name, minuteOf(key.Revoked, ""))
	return nil
}

func listKeys(out io.Writer, keys []store.APIKey, now time.Time) {
	if len(keys) == 0 {
		fmt.Fprintln(out, "There are no keys yet: keys add NAME makes one.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED\tSTATE")
	for _, key := range keys {
		state := "holds"
		switch {
		case !key.Revoked.IsZero():
			state = "revoked " + minuteOf(key.Revoked, "")
		case !key.Expires.IsZero() && !now.Before(key.Expires):
			state = "expired"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Name, strings.Join(key.Scopes, ","),
			minuteOf(key.Created, ""), minuteOf(key.Expires, "never"), minuteOf(key.LastUsed, "never"), state)
	}
	table.Flush()
}

// minuteOf is a time to the minute, or what stands for none.
func minuteOf(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}
