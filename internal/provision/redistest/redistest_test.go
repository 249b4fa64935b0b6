package redistest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/provision/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRedis(t *testing.T) {
	ctx := t.Context()
	server := redistest.New(t, map[string]string{"maxmemory": "32mb"})
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.MaxRetries = -1
	options.ReadTimeout = 200 * time.Millisecond
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })

	t.Run("it keeps what it is given and takes settings", func(t *testing.T) {
		if err := client.Set(ctx, "key", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got := client.Get(ctx, "key").Val(); got != "value" {
			t.Errorf("got %q", got)
		}
		if got := client.ConfigGet(ctx, "maxmemory").Val()["maxmemory"]; got != "33554432" {
			t.Errorf("maxmemory %q", got)
		}
	})

	t.Run("without the password it answers nothing", func(t *testing.T) {
		bare := redis.NewClient(&redis.Options{Addr: server.Server.Addr(), MaxRetries: -1})
		defer bare.Close()
		if err := bare.Get(ctx, "key").Err(); err == nil || errors.Is(err, redis.Nil) {
			t.Errorf("err = %v", err)
		}
	})

	t.Run("frozen it times out, then goes on", func(t *testing.T) {
		server.Server.Pause()
		if err := client.Get(ctx, "key").Err(); err == nil {
			t.Error("it answered while frozen")
		}
		server.Server.Resume()
		if err := untilAnswers(ctx, client); err != nil {
			t.Fatal(err)
		}
		if got := client.Get(ctx, "key").Val(); got != "value" {
			t.Errorf("got %q", got)
		}
	})

	t.Run("killed and started again it is empty, on the same port", func(t *testing.T) {
		if err := server.Server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := client.Ping(ctx).Err(); err == nil {
			t.Error("it answers after Kill")
		}
		if err := server.Server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if err := untilAnswers(ctx, client); err != nil {
			t.Fatal(err)
		}
		if err := client.Get(ctx, "key").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("err = %v, want nothing found", err)
		}
	})
}

// untilAnswers pings until a connection is good again.
func untilAnswers(ctx context.Context, client *redis.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := client.Ping(ctx).Err()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}
