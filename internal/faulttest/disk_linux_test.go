package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
)

func TestDatabaseDiskIsFull(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	small := smallDisk(t, server.DataDir, 24<<20)
	t.Run("23: a full disk under PostgreSQL delays ticks, reads go on, and it recovers alone", func(t *testing.T) {
		ctx := t.Context()
		executeAt(t, server.URL("postgres"), fmt.Sprintf(`CREATE TABLESPACE small LOCATION '%s'`, small), `CREATE DATABASE cramped TABLESPACE small`)
		must(t, store.Migrate(ctx, server.URL("cramped"), store.DefaultSchema, source))
		w := newWorld(t, onServer(server.URL("cramped")))
		w.record(0, 2, 400)
		w.fillDisk()
		full := 0
		k := 3
		for ; full < 3; k++ { // pages that were there already take a few ticks
			if k > 200 {
				t.Fatal("the disk is never full")
			}
			w.serve(traffic(k, 400))
			switch report := w.tick(k); report.Delayed {
			case "":
			case "disk_full":
				full++
			default:
				t.Errorf("tick %d is delayed for %q", k, report.Delayed)
			}
		}
		w.checkReads()
		w.execute(`DROP TABLE ballast`)
		w.serve(traffic(k, 400))
		if report := w.tick(k); report.Projected < 4 || report.Delayed != "" {
			t.Errorf("projected %d, delayed %q; want all that waited", report.Projected, report.Delayed)
		}
		w.execute(`DROP TABLE IF EXISTS ballast`)
		w.verify()
	})
}

// checkReads wants the views to answer while nothing can be written.
func (w *world) checkReads() {
	w.t.Helper()
	if n := one[int](w.t, w.site.DatabaseURL, `SELECT count(*)::int FROM skyledger.position`); n == 0 {
		w.t.Error("no positions can be read")
	}
}

// fillDisk writes until the tablespace has no room for another page.
func (w *world) fillDisk() {
	w.t.Helper()
	ctx := context.Background()
	conn := connect(w.t, w.site.DatabaseURL)
	defer func() { _ = conn.Close(ctx) }()
	_, err := conn.Exec(ctx, `CREATE TABLE ballast (filler text)`)
	must(w.t, err)
	_, err = conn.Exec(ctx, `ALTER TABLE ballast ALTER filler SET STORAGE PLAIN`)
	must(w.t, err)
	for rows := 1024; rows > 0; {
		_, err := conn.Exec(ctx, `INSERT INTO ballast SELECT repeat('x', 8000) FROM generate_series(1, $1)`, rows)
		var refused *pgconn.PgError
		switch {
		case err == nil:
		case errors.As(err, &refused) && refused.Code == "53100":
			rows /= 2
		default:
			w.t.Fatal(err)
		}
	}
}

// smallDisk mounts a small file system of its own where the server may write.
// That takes root, and no quota of the file system or of PostgreSQL makes
// SQLSTATE 53100 without: temp_file_limit is another error, and a process's
// limit on file sizes is a signal.
func smallDisk(t *testing.T, dataDir string, size int) string {
	t.Helper()
	dir := filepath.Join(dataDir, "small")
	must(t, os.Mkdir(dir, 0o700))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("a full disk needs a small file system, and mounting one is not permitted here (%v): run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	owner, err := os.Stat(filepath.Join(dataDir, "cluster"))
	must(t, err)
	if stat, ok := owner.Sys().(*syscall.Stat_t); ok {
		inside := filepath.Join(dir, "space")
		must(t, os.Mkdir(inside, 0o700))
		must(t, os.Chown(dir, int(stat.Uid), int(stat.Gid)))
		must(t, os.Chown(inside, int(stat.Uid), int(stat.Gid)))
		return inside
	}
	return dir
}

// fullStorage is a log whose disk is full, with half of a frame still written.
type fullStorage struct {
	rawlog.Storage
	full *atomic.Bool
}

func (s fullStorage) Append(ctx context.Context, at time.Time, frame []byte, end int64) (rawlog.File, int64, bool, error) {
	if !s.full.Load() {
		return s.Storage.Append(ctx, at, frame, end)
	}
	_, _, _, _ = s.Storage.Append(ctx, at, frame[:len(frame)/2], end) // as a write that ran out of room does
	return rawlog.File{}, 0, false, fault.E("rawlog.Dir.Append", fault.Unavailable, "disk_full", syscall.ENOSPC)
}

func TestLogDiskIsFull(t *testing.T) {
	t.Parallel()
	scenario(t, 23, "a full disk under the log fails the tick, so that its message comes again, and stores nothing that is not durable", func(t *testing.T) {
		var full atomic.Bool
		w := newWorld(t, with(func(s *site) {
			s.storage = func(inner rawlog.Storage) rawlog.Storage { return fullStorage{inner, &full} }
		}))
		w.record(0, 1, 12)
		full.Store(true)
		s := traffic(2, 12)
		w.served[s.key()] = s
		w.always(scripted.Tagged(`"two"`, s.body())) // a body that was not kept must be asked for again
		for range 3 {
			w.clock.set(tickAt(2).Add(fetchedAfter))
			if _, err := w.parts.recorder.Tick(t.Context(), tickAt(2)); !fault.Is(err, fault.Unavailable) {
				t.Errorf("the tick ended with %v", err)
			}
		}
		if n := one[int](t, w.site.DatabaseURL, `SELECT count(*)::int FROM snapshots`); n != 2 {
			t.Errorf("%d snapshots, want the 2 that the log has", n)
		}
		full.Store(false)
		w.expect(2, store.Received, "") // the message again
		w.feed.Always(networkPath, nil)
		w.record(3, 4, 12)
		w.site.storage = nil
		w.verify()
	})
}
