package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// fourDays is a history with one snapshot in most hours of four days; member 0
// stays, the others are there for a day each.
func fourDays() []snapshot {
	var all []snapshot
	first := start.Truncate(day).Add(10 * time.Minute)
	for hour := range 96 {
		all = append(all, snapshot{
			At:      first.Add(time.Duration(hour) * time.Hour),
			Present: []presence{{Member: 0, Value: int32(hour%7 + 1)}, {Member: []int32{1, 3, 4, 7}[hour/24], Value: 9}},
		})
	}
	return all
}

func TestDropBefore(t *testing.T) {
	t.Parallel()
	third := start.Truncate(day).Add(2 * day)

	t.Run("positions of whole days before the cut go and nothing newer", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		history := fourDays()
		commitAll(t.Context(), t, s, history)
		must(t, s.ChunkHour(t.Context(), history[0].At))
		must(t, s.ChunkHour(t.Context(), history[50].At))
		before := dump(t.Context(), t, b.Conn, derived())
		dropped, err := s.DropBefore(t.Context(), Retention{Positions: third.Add(5 * time.Hour)})
		must(t, err)
		requireDiff(t, "dropped", cmp.Diff(Dropped{Partitions: 1, Frames: 47}, dropped))
		requireDiff(t, "positions", cmp.Diff(positionsOf(history[48:]), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
		requireDiff(t, "history", cmp.Diff(before, dump(t.Context(), t, b.Conn, derived())))
		missing, err := s.MissingFrames(t.Context(), 10)
		must(t, err)
		if len(missing) > 0 {
			t.Errorf("dropped positions count as missing: %v", missing)
		}
	})

	t.Run("history goes in batches that add up, open sessions and newer rows stay", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		history := fourDays()
		commitAll(t.Context(), t, s, history)
		retention := Retention{History: third, BatchRows: 10, MaxBatches: 2}
		var total Dropped
		for rounds := 1; ; rounds++ {
			dropped, err := s.DropBefore(t.Context(), retention)
			must(t, err)
			total.Sessions += dropped.Sessions
			total.Snapshots += dropped.Snapshots
			total.Ticks += dropped.Ticks
			if !dropped.More {
				break
			}
			if rounds > 20 {
				t.Fatal("it never ends")
			}
		}
		requireDiff(t, "dropped", cmp.Diff(Dropped{Sessions: 2, Snapshots: 48, Ticks: 48}, total))
		requireDiff(t, "positions", cmp.Diff(positionsOf(history[48:]), viewRows(t.Context(), t, b.Conn, "skyledger.position")))
		times, err := s.SnapshotTimes(t.Context(), history[0].At, history[95].At.Add(time.Second))
		must(t, err)
		requireDiff(t, "snapshots", cmp.Diff(column(history[48:], func(s snapshot) time.Time { return s.At }), times))
		state, err := s.LoadState(t.Context())
		must(t, err)
		if len(state.Open) != 2 || state.Head.Version != 96 {
			t.Errorf("state = %+v", state)
		}
	})

	t.Run("a partition that somebody reads stays, and goes the next time", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.EnsurePartitions(t.Context(), start, 3))
		reader, err := pgx.Connect(t.Context(), b.URL)
		must(t, err)
		defer closeQuietly(reader)
		tx, err := reader.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), `SELECT FROM position_chunks`)
		must(t, err)
		_, err = s.DropBefore(t.Context(), Retention{Positions: third})
		if !fault.Is(err, fault.Unavailable) || fault.ReasonOf(err) != "locked" {
			t.Errorf("error = %v, want locked", err)
		}
		must(t, tx.Rollback(t.Context()))
		dropped, err := s.DropBefore(t.Context(), Retention{Positions: third})
		must(t, err)
		if dropped.Partitions != 2 {
			t.Errorf("%d partitions dropped, want 2", dropped.Partitions)
		}
		must(t, s.EnsurePartitions(context.Background(), start, 3)) // those in place are kept
	})

	t.Run("without cuts nothing goes", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		commitAll(t.Context(), t, s, fourDays()[:2])
		dropped, err := s.DropBefore(t.Context(), Retention{})
		must(t, err)
		requireDiff(t, "dropped", cmp.Diff(Dropped{}, dropped))
	})
}
