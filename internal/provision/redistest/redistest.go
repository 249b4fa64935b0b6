package redistest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/provision"
)

// Redis is a server of one test.
type Redis struct {
	URL    string
	Server *provision.RedisServer
}

// New starts a Redis that is stopped and removed when the test ends. Settings
// override ours, as in redis.conf.
func New(t testing.TB, settings ...map[string]string) *Redis {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute) // a first run may fetch
	defer cancel()
	dir, err := os.MkdirTemp("", "skyledger-redistest-")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	options := provision.RedisOptions{
		DataDir: dir, RealOnly: true, Temporary: true,
		FetchOnly: os.Getenv("SKYLEDGER_TEST_FETCHED") != "",
		Settings:  map[string]string{},
	}
	for _, some := range settings {
		for name, value := range some {
			options.Settings[name] = value
		}
	}
	server, err := provision.Redis(ctx, options)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("redistest: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("redistest: %v", err)
		}
	})
	return &Redis{URL: server.URL(), Server: server}
}
