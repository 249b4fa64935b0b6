package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// PostgresOptions say which PostgreSQL is wanted.
type PostgresOptions struct {
	DataDir   string            // the cluster and its log lie here; made if absent
	CacheDir  string            // fetched binaries; empty: the user's cache directory
	Port      int               // on 127.0.0.1; 0 picks a free one
	Settings  map[string]string // server settings over our own, as in postgresql.conf
	FetchOnly bool              // ignore installed binaries
	Template  string            // path prefix of a cluster to copy instead of initdb, made on first use; empty: none
	Temporary bool              // DataDir is removed when the server stops or we die
	Logger    *zap.Logger       // nil: silent
}

// PostgresServer is a PostgreSQL server of our own. Its methods are not for
// concurrent use, except URL.
type PostgresServer struct {
	DataDir string // where the cluster really lies: not always where it was asked to
	Moved   bool   // true when DataDir is not the asked one, which the server's account cannot reach
	Version string // "15.13", "17.5"
	Kind    string // "installed 15.13", "fetched 17.5.0"

	cluster  cluster
	programs binaries
	options  PostgresOptions
	port     int
	secret   string
	process  *process
	unlock   func()
}

// errPortTaken says that somebody took the port between choosing and using.
var errPortTaken = errors.New("the port is taken")

// Postgres starts a server on the cluster in options.DataDir, making it the
// first time. A server an earlier run left behind is stopped first; another
// process's is refused with fault.Conflict, reason "locked".
func Postgres(ctx context.Context, options PostgresOptions) (*PostgresServer, error) {
	const op = "provision.Postgres"
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	as, err := serverAccount()
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "root", err)
	}
	dir, err := as.reachable(options.DataDir, rootStateDir)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "data_dir", err)
	}
	server := &PostgresServer{DataDir: dir, cluster: cluster{dir: dir, as: as}, options: options}
	asked, _ := filepath.Abs(options.DataDir)
	server.Moved = dir != asked
	if err := server.prepare(ctx); err != nil {
		server.letGo()
		var classified *fault.Error
		if errors.As(err, &classified) {
			return nil, err
		}
		return nil, fault.E(op, fault.Unavailable, "cluster", err)
	}
	if err := server.Restart(ctx); err != nil {
		server.letGo()
		return nil, err
	}
	return server, nil
}

// prepare takes the cluster's lock, finds binaries and makes the cluster.
func (s *PostgresServer) prepare(ctx context.Context) error {
	if err := s.cluster.as.makeDir(s.cluster.dir); err != nil {
		return err
	}
	unlock, err := Lock(s.cluster.lockFile())
	if err != nil {
		return err
	}
	s.unlock = unlock
	if err := s.cluster.adopt(); err != nil {
		return err
	}
	cache, err := s.cluster.as.cacheDir(s.options.CacheDir)
	if err != nil {
		return err
	}
	s.programs, err = findPostgres(ctx, s.options.Logger, s.cluster.major(), s.options.FetchOnly, cache)
	if err != nil {
		return err
	}
	s.Version, s.Kind = s.programs.version, s.programs.kind
	if s.cluster.major() == 0 {
		err = s.create(ctx)
	} else {
		err = s.cluster.endOrphan(ctx, s.options.Logger)
	}
	if err != nil {
		return err
	}
	s.secret, err = s.cluster.password()
	return err
}

func (s *PostgresServer) create(ctx context.Context) error {
	if s.options.Template == "" {
		return s.cluster.create(ctx, s.programs)
	}
	template := cluster{dir: s.options.Template + "-" + strconv.Itoa(s.programs.major()), as: s.cluster.as}
	if template.major() != s.programs.major() {
		err := place(template.dir, func(temporary string) error {
			if err := s.cluster.as.own(temporary); err != nil {
				return err
			}
			return cluster{dir: temporary, as: s.cluster.as}.create(ctx, s.programs)
		})
		if err != nil {
			return err
		}
	}
	return s.cluster.copyFrom(template)
}

// Restart starts the server again after Stop or Kill, on the same port, and
// returns when it answers. A running server is stopped first.
func (s *PostgresServer) Restart(ctx context.Context) error {
	const op = "provision.Restart"
	if s.process != nil {
		if err := s.Stop(ctx); err != nil {
			return err
		}
	}
	if s.unlock == nil {
		unlock, err := Lock(s.cluster.lockFile())
		if err != nil {
			return err
		}
		s.unlock = unlock
	}
	var err error
	for range 5 {
		fixed := s.options.Port != 0 || s.port != 0
		if s.port == 0 {
			if s.port, err = choosePort(s.options.Port); err != nil {
				return fault.E(op, fault.Unavailable, "port", err)
			}
		}
		err = s.launch(ctx)
		if !errors.Is(err, errPortTaken) || fixed {
			break
		}
		s.port = 0
	}
	if err != nil {
		return fault.E(op, fault.Unavailable, "start", err).
			WithMessage("PostgreSQL did not start; its log is " + s.cluster.logFile() + ".")
	}
	return nil
}

// settings are ours, overridden by the caller's. They are given on the command
// line, so that nothing of an earlier start remains.
func (s *PostgresServer) settings() []string {
	values := map[string]string{
		"listen_addresses":           "127.0.0.1",
		"port":                       strconv.Itoa(s.port),
		"unix_socket_directories":    "", // a path below DataDir may be too long for a socket
		"shared_buffers":             "128MB",
		"max_wal_size":               "1GB",
		"wal_compression":            "on",
		"jit":                        "off", // costs more than it saves on short statements
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"log_line_prefix":            "%m [%p] %q%u@%d ",
		"log_min_duration_statement": "5s",
	}
	if s.programs.has("pg_stat_statements") {
		values["shared_preload_libraries"] = "pg_stat_statements" // for the query optimizer
	}
	maps.Copy(values, s.options.Settings)
	var arguments []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		arguments = append(arguments, "-c", name+"="+values[name])
	}
	return arguments
}

func (s *PostgresServer) launch(ctx context.Context) error {
	log, before, err := openLog(s.cluster.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(s.programs.program("postgres"), append([]string{"-D", s.cluster.data()}, s.settings()...)...)
	command.Dir = s.cluster.dir
	removeToo := ""
	if s.options.Temporary {
		removeToo = s.cluster.dir
	}
	running, err := start(command, s.cluster.as, log, "INT", removeToo)
	if err != nil {
		return err
	}
	if err := s.answers(ctx, running); err != nil {
		said := tailFrom(s.cluster.logFile(), before)
		_ = running.stop(ctx, fastShutdown()...)
		if strings.Contains(said, "Address already in use") {
			return errPortTaken
		}
		return fmt.Errorf("%w: %s", err, lastLines(said, 4))
	}
	s.process = running
	return nil
}

// answers waits until the server takes a connection. As long as it lives it
// may be recovering, so only the context limits the wait.
func (s *PostgresServer) answers(ctx context.Context, running *process) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		connection, err := pgx.Connect(attempt, s.URL("postgres"))
		if err == nil {
			_ = connection.Close(attempt)
			cancel()
			return nil
		}
		cancel()
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code != "57P03" && refused.Code != "53300" {
			return err // not "starting up" nor "too many": another server, or another password
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-timer.C:
		case <-running.exited:
			timer.Stop()
			return errors.New("the server ended while starting")
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// fastShutdown disconnects clients and writes a checkpoint; when that takes
// too long the server is told to quit at once, which costs a recovery.
func fastShutdown() []stopStep {
	return []stopStep{{syscall.SIGINT, 8 * time.Second}, {syscall.SIGQUIT, 2 * time.Second}}
}

// Stop ends the server within 10 s: a fast shutdown, then an immediate one. A
// context that has ended already leaves it no time for either: after Ctrl-C
// pass a fresh one.
func (s *PostgresServer) Stop(ctx context.Context) error {
	var err error
	if s.process != nil {
		err = s.process.stop(ctx, fastShutdown()...)
		s.process = nil
	}
	s.letGo()
	if err != nil {
		return fault.E("provision.Stop", fault.Timeout, "stop", err)
	}
	return nil
}

// letGo releases the lock and removes what was temporary.
func (s *PostgresServer) letGo() {
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
}

// Remove deletes the stopped server's directory.
func (s *PostgresServer) Remove() error { return os.RemoveAll(s.cluster.dir) }

// Kill ends the server as a crash does: the postmaster and every process of
// it get SIGKILL. It returns when all are gone; Restart recovers.
func (s *PostgresServer) Kill() error {
	if s.process == nil {
		return nil
	}
	pid := s.process.pid()
	s.process.signal(syscall.SIGSTOP) // it must not fork while we list its children
	family := familyOf(pid)
	for _, member := range family {
		_ = syscall.Kill(member, syscall.SIGKILL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	<-s.process.exited
	s.process.release()
	s.process = nil
	if err := gone(ctx, family); err != nil {
		return fault.E("provision.Kill", fault.Timeout, "kill", err)
	}
	return nil
}

// Running reports whether the server's process is there.
func (s *PostgresServer) Running() bool { return s.process != nil && s.process.running() }

// PID is the postmaster's process id, 0 when it does not run.
func (s *PostgresServer) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.pid()
}

// Addr is the server's host:port.
func (s *PostgresServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// LogFile is what the server says.
func (s *PostgresServer) LogFile() string { return s.cluster.logFile() }

// URL is the superuser's connection URL for a database. It holds a secret.
func (s *PostgresServer) URL(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.secret),
		Host: s.Addr(), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

// EnsureDatabase makes the database unless it is there.
func (s *PostgresServer) EnsureDatabase(ctx context.Context, name string) error {
	return EnsureDatabase(ctx, s.URL("postgres"), name)
}
