package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestRuns(t *testing.T) {
	t.Parallel()
	t.Run("expanding the runs of frames gives the frames", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(rt *rapid.T) {
			history := drawSnapshots(rt, 30, shortSpacing)
			transposed := hourRuns{}
			want, got := map[int16]*Frame{}, map[int16]*Frame{}
			for i, s := range history {
				frame := frameOf(s)
				no := int16(i + 1)
				transposed.add(no, &frame)
				want[no], got[no] = &frame, &Frame{
					SessionID: []int64{}, Latitude: []int32{}, Longitude: []int32{}, Altitude: []int32{},
					Groundspeed: []int16{}, Heading: []int16{}, Squawk: []int16{},
				}
			}
			for _, session := range transposed.sorted() {
				session.expand(got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("frames differ (-want +got):\n%s", diff)
			}
		})
	})

	t.Run("an aircraft that stands still takes one element, one that moves the same offset in each", func(t *testing.T) {
		t.Parallel()
		transposed := hourRuns{}
		for no := int16(1); no <= 4; no++ {
			transposed.add(no, &Frame{
				SessionID: []int64{1, 2}, Latitude: []int32{5, int32(no)}, Longitude: []int32{5, 5}, Altitude: []int32{5, 5},
				Groundspeed: []int16{0, 9}, Heading: []int16{0, 0}, Squawk: []int16{-1, -1},
			})
		}
		all := transposed.sorted()
		requireDiff(t, "held of the parked", cmp.Diff([]int16{4}, all[0].Held))
		requireDiff(t, "skipped of the moving", cmp.Diff([]int16{0, 0, 0, 0}, all[1].Skipped))
	})
}

func TestChunkHour(t *testing.T) {
	t.Parallel()
	t.Run("the view shows the same rows before and after, and those of the model", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.EnsurePartitions(t.Context(), start, 1))
		rapid.Check(t, func(rt *rapid.T) {
			ctx := context.Background()
			history := drawSnapshots(rt, 25, shortSpacing)
			want := positionsOf(history)
			wipe(ctx, rt, b.Conn)
			commitAll(ctx, rt, s, history)
			if diff := cmp.Diff(want, viewRows(ctx, rt, b.Conn, "skyledger.position")); diff != "" {
				rt.Fatalf("frames (-model +view):\n%s", diff)
			}
			closing := snapshot{At: history[len(history)-1].At.Add(time.Hour)}
			commitAll(ctx, rt, s, []snapshot{closing})
			for range 2 { // the second time from chunks, where the head has moved on
				chunkSome(ctx, rt, s)
				if diff := cmp.Diff(want, viewRows(ctx, rt, b.Conn, "skyledger.position")); diff != "" {
					rt.Fatalf("chunks (-model +view):\n%s", diff)
				}
			}
			from := history[rapid.IntRange(0, len(history)-1).Draw(rt, "from")].At
			to := history[rapid.IntRange(0, len(history)-1).Draw(rt, "to")].At
			var within []snapshot
			for _, s := range history {
				if !s.At.Before(from) && s.At.Before(to) {
					within = append(within, s)
				}
			}
			function := "skyledger.positions('" + from.Format(time.RFC3339Nano) + "', '" + to.Format(time.RFC3339Nano) + "')"
			if diff := cmp.Diff(positionsOf(within), viewRows(ctx, rt, b.Conn, function)); diff != "" {
				rt.Fatalf("a span (-model +function):\n%s", diff)
			}
		})
	})

	history := func() []snapshot {
		var all []snapshot
		for n := range 8 {
			all = append(all, snapshot{At: at(n), Present: []presence{{Member: 0, Value: int32(1 + n/2)}, {Member: 1, Value: 5}}})
		}
		return all
	}
	hour := start.Truncate(time.Hour)

	t.Run("a missing partition is made on demand", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		commitAll(t.Context(), t, s, history())
		must(t, s.ChunkHour(t.Context(), hour))
		if got := count(t, b, "position_chunks_20241121"); got != 2 {
			t.Errorf("%d chunks, want 2", got)
		}
		requireDiff(t, "positions", cmp.Diff(positionsOf(history()), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
	})

	t.Run("an hour that the head has not left is refused", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		commitAll(t.Context(), t, s, history())
		expectConflict(t, s.ChunkHour(t.Context(), hour.Add(time.Hour)), "hour_open")
	})

	t.Run("frames lost in a crash are named, refused and restored", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		commitAll(t.Context(), t, s, history())
		// What PostgreSQL does with an unlogged table after a crash.
		_, err := b.Conn.Exec(t.Context(), `TRUNCATE position_frames`)
		must(t, err)
		err = s.ChunkHour(t.Context(), hour)
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "frames_missing" {
			t.Fatalf("error = %v, want frames_missing", err)
		}
		missing, err := s.MissingFrames(t.Context(), 100)
		must(t, err)
		requireDiff(t, "missing", cmp.Diff(column(history(), func(s snapshot) time.Time { return s.At }), missing))
		for _, lost := range history() {
			must(t, s.RestoreFrame(t.Context(), lost.At, frameOf(lost)))
			must(t, s.RestoreFrame(t.Context(), lost.At, Frame{}))
		}
		must(t, s.RestoreFrame(t.Context(), at(100), Frame{})) // no such snapshot
		must(t, s.ChunkHour(t.Context(), hour))
		must(t, s.RestoreFrame(t.Context(), at(0), frameOf(history()[0])))
		requireDiff(t, "positions", cmp.Diff(positionsOf(history()), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
	})

	t.Run("killed before its end it has changed nothing, and waits for a rewind", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t, func(o *Options) { o.MaxConns = 2; o.LockTimeout = 20 * time.Second })
		commitAll(t.Context(), t, s, history())
		must(t, s.EnsurePartitions(t.Context(), start, 0))
		tx, err := b.Conn.Begin(t.Context())
		must(t, err)
		must(t, chunkHour(t.Context(), tx, hour)) // all of it but the commit
		done := make(chan error, 1)
		go func() { _, err := s.Rewind(context.Background(), 8, at(1)); done <- err }()
		awaitBlocked(t, b)
		_, err = b.Conn.Exec(t.Context(), `ROLLBACK`)
		must(t, err)
		must(t, <-done)
		requireDiff(t, "positions", cmp.Diff(positionsOf(history()[:2]), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
	})
}

// awaitBlocked returns when a session of the database waits for a lock.
func awaitBlocked(t testing.TB, b *bundle) {
	t.Helper()
	watcher, err := pgx.Connect(t.Context(), b.URL)
	must(t, err)
	defer closeQuietly(watcher)
	poll(t, "somebody waits for a lock", func() bool {
		var waiting bool
		must(t, watcher.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.datname = current_database())`).Scan(&waiting))
		return waiting
	})
}

func poll(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not so after 20 s: %s", what)
		}
	}
}
