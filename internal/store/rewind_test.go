package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRewind(t *testing.T) {
	t.Parallel()
	t.Run("late snapshots put in their place give the tables that order would have given", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.EnsurePartitions(t.Context(), start, 1))
		rapid.Check(t, func(rt *rapid.T) {
			ctx := context.Background()
			history := drawSnapshots(rt, 12, longSpacing)
			wipe(ctx, rt, b.Conn)
			commitAll(ctx, rt, s, history)
			want := dump(ctx, rt, b.Conn, derived())
			wantState, err := s.LoadState(ctx)
			check(rt, err)

			wipe(ctx, rt, b.Conn)
			arrive(ctx, rt, s, history)
			if diff := cmp.Diff(want, dump(ctx, rt, b.Conn, derived())); diff != "" {
				rt.Fatalf("tables differ (-in order +late):\n%s", diff)
			}
			gotState, err := s.LoadState(ctx)
			check(rt, err)
			gotState.Head.Version = wantState.Head.Version
			if diff := cmp.Diff(wantState, gotState); diff != "" {
				rt.Fatalf("states differ (-in order +late):\n%s", diff)
			}
			if diff := cmp.Diff(positionsOf(history), viewRows(ctx, rt, b.Conn, "skyledger.position")); diff != "" {
				rt.Fatalf("positions differ (-model +view):\n%s", diff)
			}
		})
	})

	t.Run("rewinding to any moment gives the tables of that moment", func(t *testing.T) {
		t.Parallel()
		s, b := setup(t)
		must(t, s.EnsurePartitions(t.Context(), start, 1))
		rapid.Check(t, func(rt *rapid.T) {
			ctx := context.Background()
			history := drawSnapshots(rt, 10, longSpacing)
			back := rapid.IntRange(0, len(history)-1).Draw(rt, "back to")
			wipe(ctx, rt, b.Conn)
			commitAll(ctx, rt, s, history[:back])
			want := dump(ctx, rt, b.Conn, derived())
			commitAll(ctx, rt, s, history[back:])
			chunkSome(ctx, rt, s)
			head, err := s.Head(ctx)
			check(rt, err)
			got, err := s.Rewind(ctx, head.Version, history[back].At.Add(-time.Microsecond))
			check(rt, err)
			if diff := cmp.Diff(want, dump(ctx, rt, b.Conn, derived())); diff != "" {
				rt.Fatalf("tables differ (-then +rewound):\n%s", diff)
			}
			if got.Version != head.Version+1 {
				rt.Fatalf("version %d after a rewind at %d", got.Version, head.Version)
			}
		})
	})

	t.Run("a rewind by somebody who lost the race is fenced", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		must(t, s.Commit(t.Context(), changes(Head{}, at(0))))
		_, err := s.Rewind(t.Context(), 0, at(-1))
		expectConflict(t, err, "fenced")
	})

	t.Run("with nothing newer nothing changes", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		must(t, s.Commit(t.Context(), changes(Head{}, at(0))))
		head, err := s.Rewind(t.Context(), 1, at(0))
		must(t, err)
		if head.Version != 1 || !head.Snapshot.Equal(at(0)) {
			t.Errorf("head = %v, want version 1 at the snapshot", head)
		}
	})

	t.Run("it does not go back before what retention left", func(t *testing.T) {
		t.Parallel()
		s, _ := setup(t)
		old := []snapshot{{At: start.Add(-48 * time.Hour), Present: []presence{{Member: 1, Value: 1}}}, {At: start, Present: []presence{{Member: 1, Value: 1}}}}
		commitAll(t.Context(), t, s, old)
		_, err := s.DropBefore(t.Context(), Retention{History: start})
		must(t, err)
		_, err = s.Rewind(t.Context(), 2, start.Add(-24*time.Hour))
		expectConflict(t, err, "before_history")
	})
}

// arrive gives the store a history in which some snapshots come late, as the
// collector does: newer ones are undone and projected again behind a late one.
// In between, hours become chunks.
func arrive(ctx context.Context, t *rapid.T, s *Store, history []snapshot) {
	t.Helper()
	var onTime, late []snapshot
	for _, next := range history {
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			late = append(late, next)
		} else {
			onTime = append(onTime, next)
		}
	}
	commitAll(ctx, t, s, onTime)
	chunkSome(ctx, t, s)
	projected := onTime
	for _, straggler := range rapid.Permutation(late).Draw(t, "order") {
		head, err := s.Head(ctx)
		check(t, err)
		head, err = s.Rewind(ctx, head.Version, straggler.At)
		check(t, err)
		projected = append(slices.Clone(projected), straggler)
		slices.SortFunc(projected, func(a, b snapshot) int { return a.At.Compare(b.At) })
		again := slices.DeleteFunc(slices.Clone(projected), func(s snapshot) bool { return !s.At.After(head.Snapshot) })
		commitAll(ctx, t, s, again)
		chunkSome(ctx, t, s)
	}
}

func chunkSome(ctx context.Context, t *rapid.T, s *Store) {
	t.Helper()
	hours, err := s.ChunkableHours(ctx, start.Add(48*time.Hour))
	check(t, err)
	for _, hour := range hours {
		if rapid.Bool().Draw(t, "chunk") {
			check(t, s.ChunkHour(ctx, hour))
		}
	}
}
