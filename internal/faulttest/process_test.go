package faulttest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/feedserver/scripted"
	"github.com/skyledger/skyledger/internal/ingest"
	"github.com/skyledger/skyledger/internal/store"
)

func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.record(0, 2, 12)
	k := 3
	for i, point := range points() {
		t.Run(fmt.Sprintf("29: a process killed %s is made good by the next run", point), func(t *testing.T) {
			w := w.in(t)
			s := traffic(k, 12)
			if durable := slices.Index(points(), "after the log's append"); i >= durable {
				w.served[s.key()] = s
			}
			w.play(scripted.JSON(s.body()))
			if _, killed := w.spawn(k, point, syscall.SIGKILL).wait(); !killed {
				t.Fatal("it was not killed")
			}
			w.feed.Always(networkPath, nil)
			for w.feed.Pending(networkPath) > 0 { // killed before it asked
				w.drop()
			}
			w.record(k+1, k+1, 12)
			w.checkSnapshots()
			w.checkLedger()
			w.checkLog()
			k += 2
		})
	}
	t.Run("29: a process killed in the middle of its transaction is made good by the next run", func(t *testing.T) {
		w := w.in(t)
		w.serve(traffic(k, 12))
		locked := w.lock(`LOCK TABLE frequencies IN ACCESS EXCLUSIVE MODE`)
		c := w.spawn(k, "", 0)
		w.untilBlocked()
		c.signal(syscall.SIGKILL)
		if _, killed := c.wait(); !killed {
			t.Fatal("it was not killed")
		}
		locked.release()
		w.record(k+1, k+1, 12)
	})
	w.verify()
}

// drop takes one queued answer away.
func (w *world) drop() {
	w.t.Helper()
	response, err := http.Get(w.feed.URL() + networkPath)
	must(w.t, err)
	must(w.t, response.Body.Close())
}

// lock is a transaction of somebody else that holds locks.
type lock struct {
	t    testing.TB
	conn *pgx.Conn
}

// lock begins a transaction that holds the locks of a statement.
func (w *world) lock(statement string) *lock {
	w.t.Helper()
	ctx := context.Background()
	conn := connect(w.t, w.site.DatabaseURL)
	for _, text := range []string{"BEGIN", statement} {
		if _, err := conn.Exec(ctx, text); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
	return &lock{w.t, conn}
}

func (l *lock) release() {
	l.t.Helper()
	must(l.t, l.conn.Close(context.Background()))
}

// untilBlocked waits until a statement of the product waits for a lock.
func (w *world) untilBlocked() {
	w.t.Helper()
	w.untilWaiting("Lock")
}

// untilSoManyWait waits until that many statements of the product wait for locks.
func (w *world) untilSoManyWait(n int) {
	w.t.Helper()
	conn := connect(w.t, w.site.DatabaseURL)
	defer func() { _ = conn.Close(context.Background()) }()
	eventually(w.t, fmt.Sprintf("%d statements wait for locks", n), func() bool {
		var waiting int
		must(w.t, conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'skyledger' AND wait_event_type = 'Lock'`).Scan(&waiting))
		return waiting == n
	})
}

// untilWaiting returns when one of the product's statements waits for
// something of the type that pg_stat_activity gives.
func (w *world) untilWaiting(event string) {
	w.t.Helper()
	ctx := context.Background()
	conn := connect(w.t, w.site.DatabaseURL)
	defer func() { _ = conn.Close(ctx) }()
	eventually(w.t, "a statement waits ("+event+")", func() bool {
		var waiting int
		must(w.t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'skyledger' AND wait_event_type = $1`, event).Scan(&waiting))
		return waiting > 0
	})
}

// begun is a tick under way.
type begun struct {
	report ingest.Report
	err    error
	done   chan struct{}
}

// begin does the kth tick beside the test.
func (w *world) begin(ctx context.Context, k int) *begun {
	w.clock.set(tickAt(k).Add(fetchedAfter))
	b := &begun{done: make(chan struct{})}
	recorder := w.parts.recorder
	go func() {
		defer close(b.done)
		b.report, b.err = recorder.Tick(ctx, tickAt(k))
	}()
	return b
}

// ended waits for the tick's end.
func (b *begun) ended(t testing.TB) ingest.Report {
	t.Helper()
	eventually(t, "the tick ends", func() bool {
		select {
		case <-b.done:
			return true
		default:
			return false
		}
	})
	must(t, b.err)
	return b.report
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	scenario(t, 30, "two invocations of one process at once write once", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 0, 12)
		s := traffic(1, 12)
		w.served[s.key()] = s
		w.always(scripted.JSON(s.body()))
		first, second := w.begin(t.Context(), 1), w.begin(t.Context(), 1)
		reports := []ingest.Report{first.ended(t), second.ended(t)}
		if reports[0].Projected+reports[1].Projected != 1 {
			t.Errorf("projected %d and %d times", reports[0].Projected, reports[1].Projected)
		}
		w.feed.Always(networkPath, nil)
		w.record(2, 2, 12)
		w.verify()
	})

	scenario(t, 30, "two processes at once write once, and the loser ends well", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 0, 12)
		for k := 1; k <= 3; k++ {
			s := traffic(k, 12)
			w.served[s.key()] = s
			w.always(scripted.JSON(s.body()))
			first, second := w.spawn(k, "", 0), w.spawn(k, "", 0)
			projected := 0
			for _, c := range []*child{first, second} {
				said, _ := c.wait()
				if said.Error != "" || said.Report.Delayed != "" {
					t.Errorf("tick %d: error %q, delayed %q", k, said.Error, said.Report.Delayed)
				}
				projected += said.Report.Projected
			}
			if projected != 1 {
				t.Errorf("tick %d was projected %d times", k, projected)
			}
		}
		w.feed.Always(networkPath, nil)
		w.record(4, 4, 12)
		w.verify()
	})

	scenario(t, 30, "a message that is delivered again five minutes later changes nothing, warm or cold", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 22, 12)
		for _, start := range []func(){func() {}, w.restart} {
			start()
			before := w.dump()
			w.clock.set(tickAt(22).Add(fetchedAfter))
			report, err := w.parts.recorder.Tick(t.Context(), tickAt(2))
			must(t, err)
			if report.Projected != 0 || report.Outcome != store.Missing || report.Reason != "expired" {
				t.Errorf("it is %s %q and projected %d", report.Outcome, report.Reason, report.Projected)
			}
			if diff := cmp.Diff(before, w.dump()); diff != "" {
				t.Errorf("it wrote:\n%s", shorten(diff))
			}
		}
		w.verify()
	})
}

// dump is every row of every table with its place and its writer: whatever is
// written at all shows.
func (w *world) dump() map[string][]string {
	w.t.Helper()
	tables := query(w.t, w.site.DatabaseURL, pgx.RowTo[string], `SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'sky'`)
	rows := map[string][]string{}
	for _, table := range tables {
		rows[table] = query(w.t, w.site.DatabaseURL, pgx.RowTo[string], fmt.Sprintf(`SELECT ctid || ' ' || xmin || ' ' || r::text FROM %s r ORDER BY 1`, table))
	}
	return rows
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before the log's append", "after the log's append", "before the commit"} {
		scenario(t, 31, "a process frozen "+point+" is refused when it wakes", func(t *testing.T) {
			w := newWorld(t)
			w.record(0, 1, 12)
			s := traffic(2, 12)
			w.served[s.key()] = s
			w.always(scripted.JSON(s.body()))
			c := w.spawn(2, point, syscall.SIGSTOP)
			eventually(t, "the child is frozen", func() bool { return c.state() == "T" })
			if point == "before the log's append" {
				// Others do its tick, as a message that comes again.
				w.expect(2, store.Received, "")
			}
			w.feed.Always(networkPath, nil)
			w.record(3, 5, 12)
			w.checkAnalysis()
			before := w.dump()
			c.signal(syscall.SIGCONT)
			said, _ := c.wait()
			if said.Error != "" || said.Report.Projected != 0 {
				t.Errorf("the sleeper: error %q, projected %d", said.Error, said.Report.Projected)
			}
			if point == "before the commit" && !cmp.Equal(said.Commits, []string{"already_projected"}) && !cmp.Equal(said.Commits, []string{"fenced"}) {
				t.Errorf("its commits ended %q", said.Commits)
			}
			if diff := cmp.Diff(before, w.dump()); diff != "" {
				t.Errorf("it wrote:\n%s", shorten(diff))
			}
			w.record(6, 6, 12)
			w.verify()
		})
	}
}

func TestFrozenAnalysis(t *testing.T) {
	t.Parallel()
	scenario(t, 31, "an analysis that is frozen before it commits is refused when it wakes", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		w.serve(traffic(2, 12))
		c := w.spawn(2, "before the analysis commits", syscall.SIGSTOP)
		eventually(t, "the child is frozen", func() bool { return c.state() == "T" })
		w.record(3, 5, 12)
		w.checkAnalysis() // by somebody else
		before := w.dump()
		c.signal(syscall.SIGCONT)
		if said, _ := c.wait(); said.Error != "" {
			t.Errorf("the sleeper: error %q", said.Error)
		}
		if diff := cmp.Diff(before, w.dump()); diff != "" {
			t.Errorf("it wrote:\n%s", shorten(diff))
		}
		w.record(6, 6, 12)
		w.verify()
	})
}

func TestFenced(t *testing.T) {
	t.Parallel()
	scenario(t, 31, "a process that wakes with a newer snapshot and an older state is fenced, and begins again", func(t *testing.T) {
		w := newWorld(t, with(func(s *site) { s.BacklogPerRun = 1 }))
		w.record(0, 2, 12)
		w.serve(traffic(4, 12))
		c := w.spawn(4, "before the commit", syscall.SIGSTOP)
		eventually(t, "the child is frozen", func() bool { return c.state() == "T" })
		// Meanwhile others record the snapshot before it, with somebody the sleeper knows nothing of.
		w.serve(traffic(3, 12, pilot(5, 3)))
		if report := w.tick(3); report.Projected != 1 || !report.MoreWaits {
			t.Errorf("projected %d, more waits: %v", report.Projected, report.MoreWaits)
		}
		c.signal(syscall.SIGCONT)
		said, _ := c.wait()
		if diff := cmp.Diff([]string{"fenced", ""}, said.Commits); diff != "" || said.Error != "" {
			t.Errorf("error %q, commits:\n%s", said.Error, diff)
		}
		w.record(5, 6, 12)
		w.verify()
	})
}

func TestFrozenWithTheLock(t *testing.T) {
	t.Parallel()
	scenario(t, 31, "a process frozen with the log's lock delays others to their deadline and no longer", func(t *testing.T) {
		w := newWorld(t)
		w.record(0, 1, 12)
		s := traffic(2, 12)
		w.served[s.key()] = s
		w.always(scripted.JSON(s.body()))
		c := w.spawn(2, "with the log's lock", syscall.SIGSTOP)
		eventually(t, "the child is frozen", func() bool { return c.state() == "T" })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w.clock.set(tickAt(2).Add(fetchedAfter))
		if _, err := w.parts.recorder.Tick(ctx, tickAt(2)); !fault.Is(err, fault.Unavailable) {
			t.Errorf("the tick ended with %v, and its message does not come again", err)
		}
		c.signal(syscall.SIGCONT)
		if said, _ := c.wait(); said.Error != "" || said.Report.Projected != 1 {
			t.Errorf("the sleeper: error %q, projected %d", said.Error, said.Report.Projected)
		}
		w.expect(2, store.Unchanged, "same_snapshot")
		w.feed.Always(networkPath, nil)
		w.record(3, 4, 12)
		w.verify()
	})
}

func TestStopped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, statement string }{
		{"before its transaction", `SELECT FROM head FOR UPDATE`},
		{"in the middle of its transaction", `LOCK TABLE frequencies IN ACCESS EXCLUSIVE MODE`},
	} {
		scenario(t, 35, "SIGTERM "+test.name+" ends the process, and nothing is half", func(t *testing.T) {
			w := newWorld(t, with(func(s *site) { s.LockTimeout = time.Minute }))
			w.record(0, 1, 12)
			w.serve(traffic(2, 12, controller(5, "AA_TWR", "118.100")))
			locked := w.lock(test.statement)
			c := w.spawn(2, "", 0)
			w.untilBlocked()
			started := time.Now()
			c.signal(syscall.SIGTERM)
			said, _ := c.wait()
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			if !said.Canceled || said.Error != "" || said.Report.Delayed == "" {
				t.Errorf("canceled %v, error %q, delayed %q", said.Canceled, said.Error, said.Report.Delayed)
			}
			locked.release()
			w.record(3, 3, 12)
			w.verify()
		})
	}
}
