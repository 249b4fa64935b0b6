package provision

import (
	"context"
	"crypto/rand"
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

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// RedisOptions say which Redis is wanted.
type RedisOptions struct {
	DataDir   string            // the server's log lies here; made if absent
	CacheDir  string            // fetched binaries; empty: the user's cache directory
	Port      int               // on 127.0.0.1; 0 picks a free one
	Settings  map[string]string // over our own, as in redis.conf
	FetchOnly bool              // ignore an installed one
	RealOnly  bool              // fail rather than run Redis in process
	Temporary bool              // DataDir is removed when we die
	Logger    *zap.Logger       // nil: silent
}

// RedisServer is a Redis of our own: it keeps nothing on disk, as what is in
// it can be made again. Its methods are not for concurrent use, except URL.
type RedisServer struct {
	Kind string // "installed 7.0.15", "fetched 6.2.6", "in process (miniredis)"

	options   RedisOptions
	as        account
	dir       string
	program   string
	port      int
	secret    string
	process   *process
	inProcess *miniredis.Miniredis
}

// Redis starts a server: an installed one, else a fetched one, else (unless
// RealOnly) an imitation in this process, which Kind says.
func Redis(ctx context.Context, options RedisOptions) (*RedisServer, error) {
	const op = "provision.Redis"
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	server := &RedisServer{options: options, secret: rand.Text()}
	err := server.prepare(ctx)
	if err == nil {
		err = server.Restart(ctx)
	}
	if err != nil && !options.RealOnly {
		options.Logger.Warn("no real Redis to be had, running one in process", zap.Error(err))
		server.program, server.Kind = "", "in process (miniredis)"
		err = server.Restart(ctx)
	}
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "start", err)
	}
	return server, nil
}

func (s *RedisServer) prepare(ctx context.Context) error {
	var err error
	if s.as, err = serverAccount(); err != nil {
		s.as = account{uid: os.Getuid(), gid: os.Getgid()} // unlike PostgreSQL, Redis runs as root
	}
	if s.dir, err = filepath.Abs(s.options.DataDir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if path, err := exec.LookPath("redis-server"); err == nil && !s.options.FetchOnly {
		if version, ok := redisVersion(ctx, path); ok {
			s.program, s.Kind = path, "installed "+version
			return nil
		}
	}
	cache, err := s.as.cacheDir(s.options.CacheDir)
	if err != nil {
		return err
	}
	program, version, err := fetchedRedis(ctx, s.options.Logger, cache)
	s.program, s.Kind = program, "fetched "+version
	return err
}

// redisVersion asks the program: "Redis server v=7.0.15 sha=…".
func redisVersion(ctx context.Context, path string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", false
	}
	for _, word := range strings.Fields(string(output)) {
		if version, ok := strings.CutPrefix(word, "v="); ok {
			return version, true
		}
	}
	return "", false
}

func fetchedRedis(ctx context.Context, logger *zap.Logger, cache string) (program, version string, err error) {
	wanted, version, ok := redisArtifact()
	if !ok {
		return "", "", errors.New("there is no redis-server to fetch for this platform")
	}
	dir := filepath.Join(cache, "redis-"+version)
	program = filepath.Join(dir, "redis-server")
	if _, err := os.Stat(program); err == nil {
		return program, version, nil
	}
	jar, err := fetch(ctx, logger, wanted, cache)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = os.Remove(jar) }()
	return program, version, unpackProgram(jar, wanted.member, dir, "redis-server")
}

// Restart starts the server again after Stop or Kill, empty, on the same port.
func (s *RedisServer) Restart(ctx context.Context) error {
	const op = "provision.RedisServer.Restart"
	if err := s.Stop(ctx); err != nil {
		return err
	}
	var err error
	for range 5 {
		fixed := s.options.Port != 0 || s.port != 0
		if s.port == 0 {
			if s.port, err = choosePort(s.options.Port); err != nil {
				return fault.E(op, fault.Unavailable, "port", err)
			}
		}
		if err = s.launch(ctx); err == nil {
			return nil
		}
		if fixed || !errors.Is(err, errPortTaken) {
			break
		}
		s.port = 0
	}
	return fault.E(op, fault.Unavailable, "start", err)
}

func (s *RedisServer) launch(ctx context.Context) error {
	if s.program == "" {
		s.inProcess = miniredis.NewMiniRedis()
		s.inProcess.RequireAuth(s.secret)
		return s.inProcess.StartAddr(s.Addr())
	}
	log, before, err := openLog(s.LogFile())
	if err != nil {
		return err
	}
	defer log.Close()
	// The configuration comes by standard input: the password is then neither
	// on disk nor in the list of processes.
	command := exec.Command(s.program, "-")
	command.Dir = "/"
	command.Stdin = strings.NewReader(s.settings())
	removeToo := ""
	if s.options.Temporary {
		removeToo = s.dir
	}
	running, err := start(command, s.as, log, "TERM", removeToo)
	if err != nil {
		return err
	}
	if err := s.answers(ctx, running); err != nil {
		said := tailFrom(s.LogFile(), before)
		_ = running.stop(ctx, stopStep{syscall.SIGKILL, time.Second})
		if strings.Contains(said, "Address already in use") {
			return errPortTaken
		}
		return fmt.Errorf("%w: %s", err, lastLines(said, 4))
	}
	s.process = running
	return nil
}

// settings are ours, overridden by the caller's. Memory is bounded, and full
// means that the oldest answers go.
func (s *RedisServer) settings() string {
	values := map[string]string{
		"bind":             "127.0.0.1",
		"port":             strconv.Itoa(s.port),
		"requirepass":      s.secret,
		"save":             `""`,
		"appendonly":       "no",
		"maxmemory":        "256mb",
		"maxmemory-policy": "allkeys-lru",
	}
	maps.Copy(values, s.options.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s %s\n", name, values[name])
	}
	return text.String()
}

func (s *RedisServer) answers(ctx context.Context, running *process) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		return err
	}
	options.MaxRetries = -1
	client := redis.NewClient(options)
	defer client.Close()
	for {
		if err = client.Ping(ctx).Err(); err == nil {
			return nil
		}
		timer := time.NewTimer(10 * time.Millisecond)
		select {
		case <-timer.C:
		case <-running.exited:
			timer.Stop()
			return errors.New("the server ended while starting")
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// Stop ends the server; what was in it is gone.
func (s *RedisServer) Stop(ctx context.Context) error {
	if s.inProcess != nil {
		s.inProcess.Close()
		s.inProcess = nil
	}
	if s.process == nil {
		return nil
	}
	err := s.process.stop(ctx, stopStep{syscall.SIGTERM, 5 * time.Second})
	s.process = nil
	if err != nil {
		return fault.E("provision.RedisServer.Stop", fault.Timeout, "stop", err)
	}
	return nil
}

// Kill ends the server with SIGKILL.
func (s *RedisServer) Kill() error {
	if s.process != nil {
		s.process.signal(syscall.SIGKILL)
		<-s.process.exited
	}
	return s.Stop(context.Background())
}

// Pause freezes the server (SIGSTOP): it takes connections and answers
// nothing. Resume lets it go on. Neither does anything to one in process.
func (s *RedisServer) Pause() {
	if s.process != nil {
		s.process.signal(syscall.SIGSTOP)
	}
}

// Resume ends a Pause.
func (s *RedisServer) Resume() {
	if s.process != nil {
		s.process.signal(syscall.SIGCONT)
	}
}

// Running reports whether the server is there.
func (s *RedisServer) Running() bool {
	return s.inProcess != nil || s.process != nil && s.process.running()
}

// Addr is the server's host:port.
func (s *RedisServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// LogFile is what the server says.
func (s *RedisServer) LogFile() string { return filepath.Join(s.dir, "server.log") }

// URL is the connection URL of database 0. It holds a secret.
func (s *RedisServer) URL() string {
	address := url.URL{Scheme: "redis", User: url.UserPassword("", s.secret), Host: s.Addr(), Path: "/0"}
	return address.String()
}
