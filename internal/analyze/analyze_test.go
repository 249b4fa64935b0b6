package analyze_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/simulator"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify/verifytest"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error { return goleak.Find() })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// flown are the records of a simulated network, twelve minutes of it: more than
// two checkpoints.
func flown(t testing.TB, aircraft int) []rawlog.Record {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Seed: 11, Aircraft: aircraft})
	must(t, err)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var records []rawlog.Record
	for i := range 48 {
		now := start.Add(time.Duration(i) * simulator.Cadence)
		network, transceivers := sim.At(sim.SnapshotTime(now))
		snapshot, err := vatsim.Decode(network)
		if err != nil || len(records) > 0 && !snapshot.UpdateTimestamp.After(records[len(records)-1].At) {
			continue // cut off, or served again
		}
		records = append(records, rawlog.Record{
			At: snapshot.UpdateTimestamp, Tick: now.Truncate(simulator.Cadence), Received: now.Add(2 * time.Second),
			Network: network, Transceivers: transceivers,
		})
	}
	return records
}

// found returns every row that analysis wrote, by table.
func found(t testing.TB, b *verifytest.Bench) map[string][]string {
	t.Helper()
	rows, err := b.Conn.Query(t.Context(), `SELECT DISTINCT c.table_name::text FROM information_schema.columns c
		JOIN information_schema.tables USING (table_schema, table_name)
		WHERE c.table_schema = 'sky' AND table_type = 'BASE TABLE' AND (c.column_name = 'decided'
			OR c.table_name IN ('analyzed', 'airport_quarters', 'departure_hours', 'duty_ticks', 'sector_ticks'))`)
	must(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	all := map[string][]string{}
	for _, table := range tables {
		rows, err := b.Conn.Query(t.Context(), `SELECT t::text FROM sky.`+table+` t ORDER BY 1`)
		must(t, err)
		all[table], err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
	}
	return all
}

func expect(t *testing.T, want, got map[string][]string) {
	t.Helper()
	if len(want["flights"]) == 0 || len(want["movements"]) == 0 || len(want["contacts"]) == 0 || len(want["sector_ticks"]) == 0 {
		t.Fatal("the straight run found nothing: there is nothing to compare")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tables differ from a straight run's (-want +got):\n%s", diff)
	}
}

// TestExactlyOnce analyses one simulated network in every way that can happen
// to a function, and expects the tables of a run that nothing happened to.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	records := flown(t, 150)
	straight := verifytest.NewBench(t)
	straight.Collect(t, records...)
	report := straight.Analyze(t)
	want := found(t, straight)
	if report.Analyzed != len(records) || report.Movements != len(want["movements"]) {
		t.Errorf("of %d snapshots and %d movements the report has %d and %d", len(records), len(want["movements"]), report.Analyzed, report.Movements)
	}

	t.Run("snapshot by snapshot, in one process that stays", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		runner := analyze.New(analyze.Options{Log: b.Log, Store: b.Store, Places: b.Places()})
		for _, record := range records {
			b.Collect(t, record)
			report, err := runner.Run(t.Context())
			must(t, err)
			if report.Analyzed != 1 || report.Replayed != 0 {
				t.Fatalf("%s: %d analysed, %d looked at again", record.At, report.Analyzed, report.Replayed)
			}
		}
		expect(t, want, found(t, b))
	})

	t.Run("each time by a process that has only just started", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		replayed := 0
		for batch := range slices.Chunk(records, 5) {
			b.Collect(t, batch...)
			replayed += b.Analyze(t).Replayed
		}
		if replayed == 0 {
			t.Error("no process had to look at anything again: no checkpoint lay behind")
		}
		expect(t, want, found(t, b))
	})

	t.Run("by processes that end before a commit, or after it without knowing", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, records...)
		deaths := 0
		for seed := uint64(0); ; seed++ {
			mortal := &mortalStore{Store: b.Store, random: rand.New(rand.NewPCG(seed, 1))}
			_, err := analyze.New(analyze.Options{Log: b.Log, Store: mortal, Places: b.Places()}).Run(t.Context())
			if err == nil {
				break
			}
			deaths++
		}
		if deaths < 3 {
			t.Errorf("only %d processes ended early", deaths)
		}
		expect(t, want, found(t, b))
	})

	t.Run("by two at once", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, records...)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				runner := analyze.New(analyze.Options{Log: b.Log, Store: b.Store, Places: b.Places()})
				for !caughtUp(t.Context(), b.Store) {
					// Who loses again and again leaves the rest to the other one.
					if _, err := runner.Run(t.Context()); err != nil && !fault.Is(err, fault.Conflict) {
						t.Error(err)
						return
					}
				}
			})
		}
		both.Wait()
		expect(t, want, found(t, b))
	})

	t.Run("with snapshots that come late, each to be put into its place", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		random := rand.New(rand.NewPCG(5, 5))
		runner := analyze.New(analyze.Options{Log: b.Log, Store: b.Store, Places: b.Places()})
		var late []rawlog.Record
		rewound := 0
		run := func() {
			report, err := runner.Run(t.Context())
			must(t, err)
			if report.Rewound {
				rewound++
			}
		}
		for i, record := range records {
			if i > 0 && random.IntN(6) == 0 {
				late = append(late, record)
				continue
			}
			b.Collect(t, record)
			run()
			if len(late) > 0 && random.IntN(4) == 0 {
				b.Collect(t, late[0])
				late = late[1:]
				run()
			}
		}
		for _, record := range late {
			b.Collect(t, record)
		}
		run()
		if rewound < 2 {
			t.Errorf("analysis went back %d times", rewound)
		}
		expect(t, want, found(t, b))
	})

	t.Run("in runs whose budget ends after every snapshot", func(t *testing.T) {
		t.Parallel()
		b := verifytest.NewBench(t)
		b.Collect(t, records...)
		runner := analyze.New(analyze.Options{Log: b.Log, Store: b.Store, Places: b.Places(), Budget: 1})
		report, err := runner.Run(t.Context())
		must(t, err)
		if report.Analyzed != 0 || !report.More {
			t.Errorf("without time %d were analysed, more %t", report.Analyzed, report.More)
		}
		b.Analyze(t)
		expect(t, want, found(t, b))
	})
}

func caughtUp(ctx context.Context, s *store.Store) bool {
	work, err := s.FindAnalysisWork(ctx, time.Hour, 1)
	return err != nil || len(work.Waiting) == 0
}

// mortalStore ends a process at some of its commits: before they are made, or
// after it, when nobody hears of it.
type mortalStore struct {
	analyze.Store
	random *rand.Rand
}

var errDied = errors.New("the process ended")

func (m *mortalStore) CommitAnalysis(ctx context.Context, changes store.Analysis) error {
	switch m.random.IntN(20) {
	case 0:
		return errDied
	case 1:
		if err := m.Store.CommitAnalysis(ctx, changes); err != nil {
			return err
		}
		return errDied
	default:
		return m.Store.CommitAnalysis(ctx, changes)
	}
}

// TestPassedOver takes a body out of the log: the analysis says so and goes on.
func TestPassedOver(t *testing.T) {
	t.Parallel()
	records := flown(t, 30)[:8]
	b := verifytest.NewBench(t)
	b.Collect(t, records...)
	runner := analyze.New(analyze.Options{Log: lossyLog{b.Log, records[3].At}, Store: b.Store, Places: b.Places()})
	report, err := runner.Run(t.Context())
	must(t, err)
	if report.Lost != 1 || report.Analyzed != len(records) || !report.Watermark.Equal(records[7].At) {
		t.Errorf("report = %+v", report)
	}
}

// lossyLog has lost one record.
type lossyLog struct {
	analyze.Log
	lost time.Time
}

func (l lossyLog) Range(ctx context.Context, from, to time.Time) iter.Seq2[rawlog.Record, error] {
	return func(yield func(rawlog.Record, error) bool) {
		for record, err := range l.Log.Range(ctx, from, to) {
			if err == nil && record.At.Equal(l.lost) {
				continue
			}
			if !yield(record, err) {
				return
			}
		}
	}
}
