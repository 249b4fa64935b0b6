package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/provision"
)

// patience limits every step of getting a database: a first run may fetch.
const patience = 6 * time.Minute

// DB is a database of one test.
type DB struct {
	URL  string // the superuser's
	Name string
}

// shared is the process's server. It is a package variable, against the rule
// of the house, because tests of one process have nothing else in common and
// a server each would take a second each.
var shared struct {
	sync.Mutex
	url       string // of database postgres; empty until started
	err       error
	server    *provision.PostgresServer // nil when a given server is used
	templates map[string]string         // name → template database
}

// Main runs the tests, then stops and removes the process's server, then runs
// the checks (goleak's Find, for example); call it from TestMain. Without it
// the server ends with the process all the same, and removes itself.
func Main(m *testing.M, checks ...func() error) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	for _, check := range checks {
		if err := check(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func stop() error {
	shared.Lock()
	defer shared.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var err error
	if shared.server == nil {
		for _, template := range shared.templates {
			err = errors.Join(err, dropDatabase(ctx, shared.url, template))
		}
		return err
	}
	return errors.Join(shared.server.Stop(ctx), shared.server.Remove())
}

// New returns an empty database, dropped when the test ends.
func New(t testing.TB) *DB {
	t.Helper()
	return create(t, "")
}

// NewFrom returns a clone of a database that prepare filled: prepare runs once
// per process and name, and must close its connections.
func NewFrom(t testing.TB, name string, prepare func(url string) error) *DB {
	t.Helper()
	return create(t, template(t, name, prepare))
}

func create(t testing.TB, template string) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := serverURL(ctx)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	db := &DB{Name: "test_" + strings.ToLower(rand.Text()[:12])}
	db.URL = withDatabase(server, db.Name)
	statement := "create database " + db.Name
	if template != "" {
		statement += " template " + template
	}
	if err := execute(ctx, server, statement); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := dropDatabase(ctx, server, db.Name); err != nil {
			t.Logf("pgtest: %v", err)
		}
	})
	return db
}

func template(t testing.TB, name string, prepare func(url string) error) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := serverURL(ctx)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	shared.Lock()
	defer shared.Unlock()
	if database, ok := shared.templates[name]; ok {
		return database
	}
	database := "template_" + strings.ToLower(rand.Text()[:12])
	if err := execute(ctx, server, "create database "+database); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := prepare(withDatabase(server, database)); err != nil {
		t.Fatalf("pgtest: preparing %s: %v", name, err)
	}
	if shared.templates == nil {
		shared.templates = map[string]string{}
	}
	shared.templates[name] = database
	return database
}

// serverURL starts the process's server the first time. A failure is
// remembered: it would only be repeated by every test.
func serverURL(ctx context.Context) (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.url != "" || shared.err != nil {
		return shared.url, shared.err
	}
	if given := os.Getenv("SKYLEDGER_TEST_DATABASE_URL"); given != "" {
		shared.url = given
		return given, nil
	}
	server, err := start(ctx, map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
		"max_connections": "200", "max_wal_size": "4GB",
	})
	if err != nil {
		shared.err = err
		return "", err
	}
	shared.server, shared.url = server, server.URL("postgres")
	return shared.url, nil
}

func withDatabase(server, name string) string {
	address, err := url.Parse(server)
	if err != nil {
		return server
	}
	address.Path = "/" + name
	return address.String()
}

// execute runs one statement on the server. A template somebody is still
// connected to (a pool closing in the background) is tried again.
func execute(ctx context.Context, server, statement string) error {
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err = connection.Exec(ctx, statement)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "55006" || time.Now().After(deadline) {
			return err
		}
		// pg_sleep instead of a sleep of ours: the connection is at hand.
		if _, err := connection.Exec(ctx, "select pg_sleep(0.05)"); err != nil {
			return err
		}
	}
}

func dropDatabase(ctx context.Context, server, name string) error {
	return execute(ctx, server, "drop database if exists "+name+" with (force)")
}
