package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/infra/local/cloud"
	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/store"
)

// record runs everything until ctx ends, or a recording does.
func record(ctx context.Context, s session) (err error) {
	settings, err := loadSettings(s.environ)
	if err != nil {
		return err
	}
	from, err := chooseSource(ctx, s, settings.FeedStatusURL)
	if err != nil {
		return err
	}
	if err := from.open(indexing(s.out)); err != nil {
		return err
	}
	servers, err := startParts(ctx, s, false, startLogger(s.out))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop(ctx)) }()

	environ, err := environment(ctx, s, servers, from)
	if err != nil {
		return err
	}
	records, err := openJournal(filepath.Join(from.home(s.options.data), "functions.log"))
	if err != nil {
		return err
	}
	defer records.Close()
	logger, err := newLogger(records, s.out, settings.LogLevel)
	if err != nil {
		return err
	}
	newest, err := newestTick(ctx, environ, from)
	if err != nil {
		return err
	}
	flow, err := startFeed(ctx, from, s.options, newest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, flow.close()) }()
	if settings, err = config.Load(append(environ, flow.settings...)); err != nil {
		return err
	}
	app.QuietRedis(logger)
	runtime := &app.Runtime{Config: settings, Logger: logger, Clock: flow.clock.Now, Memory: live.NewMemory(), Loopback: loopbackOnly(s.options.listen), Grammar: grammar.Parse}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	hush, err := runtime.Tell(ctx)
	if err != nil {
		return err
	}
	defer hush()
	whole, err := newSystem(ctx, runtime, cloud.NewAgenda(flow.clock), logger)
	if err != nil {
		return err
	}
	if err := rememberSource(s.options.data, from); err != nil {
		return err
	}
	r := runner{session: s, source: from, servers: servers, flow: flow, system: whole, runtime: runtime, logger: logger, settings: settings}
	return r.run(ctx)
}

// environment is the process's, with what the functions need to find the parts
// and to know the source.
func environment(ctx context.Context, s session, servers *parts, from source) ([]string, error) {
	home := from.home(s.options.data)
	// Bodies hold people's names: they are for the owner's eyes.
	if err := os.MkdirAll(filepath.Join(home, "log"), 0o700); err != nil {
		return nil, err
	}
	database, err := servers.database(ctx, from.database())
	if err != nil {
		return nil, err
	}
	people, err := queryAddress(s, database)
	if err != nil {
		return nil, err
	}
	environ := append([]string{"DATABASE_POOL_SIZE=8"}, s.environ...) // all that answer share one pool, all that record another
	environ = append(environ, "SOURCE="+from.Name, "DATABASE_URL="+database, "QUERY_DATABASE_URL="+people, "REDIS_URL="+servers.RedisURL, "REDIS_PREFIX="+from.database())
	if s.options.reference != "" {
		environ = append(environ, "REFERENCE_DIR="+s.options.reference)
	}
	if lookup(s.environ, "LOG_URL") == "" {
		logs := url.URL{Scheme: "file", Path: filepath.Join(home, "log")}
		environ = append(environ, "LOG_URL="+logs.String())
	}
	return environ, nil
}

// newestTick migrates the database and returns the newest tick in its ledger.
func newestTick(ctx context.Context, environ []string, from source) (time.Time, error) {
	settings, err := config.Load(environ)
	if err != nil {
		return time.Time{}, err
	}
	runtime := &app.Runtime{Config: settings, Logger: zap.NewNop(), Clock: time.Now}
	defer runtime.Close()
	migrate, err := app.Migrate(ctx, runtime)
	if err != nil {
		return time.Time{}, err
	}
	if _, err := migrate.Invoke(ctx, []byte(`{}`)); err != nil {
		return time.Time{}, err
	}
	database, err := runtime.Store(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var head store.Head
	head, err = database.Head(ctx)
	return head.Tick, err
}

// runner is a run with everything in place.
type runner struct {
	session  session
	source   source
	servers  *parts
	flow     *feed
	system   *system
	runtime  *app.Runtime
	logger   *zap.Logger
	settings config.Config
}

func (r *runner) run(ctx context.Context) error {
	listener, err := net.Listen("tcp", r.session.options.listen)
	if err != nil {
		return fault.E("local.run", fault.Invalid, "listen", err).
			WithMessage("The API cannot listen on " + r.session.options.listen + ": name another address with --listen.")
	}
	if bound, ok := listener.Addr().(*net.TCPAddr); r.runtime.Loopback && (!ok || !bound.IP.IsLoopback()) {
		return errors.Join(fault.E("local.run", fault.Invalid, "listen", nil).
			WithMessage("The API's address "+r.session.options.listen+" is not of this machine alone: name it as a number."), listener.Close())
	}
	server := r.system.gateway.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	r.banner(r.session.out, listener.Addr())

	began := time.Now()
	err = r.work(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if shutdownErr := server.Shutdown(closing); shutdownErr != nil {
		_ = server.Close()
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	summary(r.session.out, time.Since(began), r.sums(), len(r.system.queue.DeadLetters()))
	return err
}

// work does what is due until ctx ends. A recording ends: then everything is
// caught up with, and the API goes on answering unless --until-end.
func (r *runner) work(ctx context.Context) (err error) {
	if err := r.system.begin(ctx, r.flow.skip); err != nil {
		return err
	}
	reporting, stop := context.WithCancel(ctx)
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		r.report(reporting)
	}()
	defer func() {
		stop()
		<-reported
		err = errors.Join(err, r.advance())
	}()
	r.system.agenda.Run(ctx, r.flow.end)
	if ctx.Err() != nil {
		return nil // asked to stop
	}
	if err := r.system.catchUp(ctx, r.flow.end, r.sums); err != nil {
		return err
	}
	if !r.session.options.untilEnd {
		fmt.Fprintln(r.session.out, "The recording has ended. Answering until Ctrl-C.")
		<-ctx.Done()
	}
	return nil
}

// report writes a line a minute of the wall.
func (r *runner) report(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	before := r.sums()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		after := r.sums()
		fmt.Fprintln(r.session.out, minuteLine(r.flow.clock.Now(), before, after, r.runtime.Metrics("ingest").Last()))
		before = after
		if err := r.advance(); err != nil {
			r.logger.Error("truth not written", zap.Error(err))
		}
	}
}

// advance writes down what truly happened, where the source knows.
func (r *runner) advance() error {
	if r.flow.advance == nil {
		return nil
	}
	return r.flow.advance(r.flow.clock.Now())
}

func (r *runner) sums() map[string]float64 { return r.runtime.Metrics("ingest").Totals() }

// banner says what runs, from which source, where the data lies and which
// address to open.
func (r *runner) banner(w io.Writer, address net.Addr) {
	var scheduled []string
	for _, row := range manifest.Functions() {
		if row.Trigger.Schedule > 0 {
			scheduled = append(scheduled, row.Name+" "+row.Trigger.Schedule.Expression())
		}
	}
	database := r.servers.postgresKind + ", database " + databaseName(r.settings.DatabaseURL)
	if r.servers.postgresDir != "" {
		database += ", in " + r.servers.postgresDir
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"source", r.source.Name + ": " + r.flow.summary},
		{"PostgreSQL", database},
		{"Redis", r.servers.redisKind},
		{"log", r.settings.LogURL},
		{"functions", fmt.Sprintf("%s; %d routes; their log is %s", strings.Join(scheduled, ", "), r.system.routes,
			filepath.Join(r.source.home(r.session.options.data), "functions.log"))},
		{"open", "http://" + address.String() + "/api/status"},
		{"access", r.access()},
	} {
		fmt.Fprintf(table, "  %s\t%s\n", line[0], line[1])
	}
	fmt.Fprintln(w, "Skyledger")
	table.Flush()
}

// access says what callers without a key may do.
func (r *runner) access() string {
	policy, err := access.NewPolicy(r.settings.APIAccess, r.runtime.Loopback)
	switch {
	case err != nil: // refused when the functions were built
		return err.Error()
	case policy.OpenTo(access.Query):
		return "reading and queries are open to this machine; admin needs a key (keys add)"
	case policy.OpenTo(access.Read):
		return "reading is open, queries and admin need a key (keys add)"
	default:
		return "everything needs a key (keys add)"
	}
}

// loopbackOnly reports whether only this machine can connect to an address.
func loopbackOnly(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func databaseName(url string) string {
	_, after, _ := strings.Cut(url, "://")
	_, name, _ := strings.Cut(after, "/")
	name, _, _ = strings.Cut(name, "?")
	return name
}

// indexing says how far the indexing of a large folder is.
func indexing(w io.Writer) func(done, total int) {
	return func(done, total int) {
		if total >= 1000 && (done%1000 == 0 || done == total) {
			fmt.Fprintf(w, "indexing the folder: %s of %s files\n", grouped(int64(done)), grouped(int64(total)))
		}
	}
}
