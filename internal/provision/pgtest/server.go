package pgtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/provision"
)

// Server starts a private server for one test, as durable as a real one: it
// may be killed, stopped and started again. Settings override ours. It is
// removed when the test ends.
func Server(t testing.TB, settings ...map[string]string) *provision.PostgresServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	merged := map[string]string{}
	for _, some := range settings {
		maps.Copy(merged, some)
	}
	server, err := start(ctx, merged)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("pgtest: %v", err)
		}
		if err := server.Remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return server
}

func start(ctx context.Context, settings map[string]string) (*provision.PostgresServer, error) {
	base, err := baseDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, err
	}
	server, err := provision.Postgres(ctx, provision.PostgresOptions{
		DataDir: dir, Settings: settings, FetchOnly: os.Getenv("SKYLEDGER_TEST_FETCHED") != "", Temporary: true,
		Template: filepath.Join(base, "template"),
	})
	if err != nil {
		return nil, fmt.Errorf("%w (directory %s)", err, dir)
	}
	return server, nil
}

// baseDir holds the servers of tests and the cluster they are copied from. It
// is per user, and open to be walked through: root's servers run under another
// account.
func baseDir() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("skyledger-test-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a directory of ours", dir)
	}
	return dir, nil
}
