package faulttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/analyze"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/rebuild"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify"
)

// verify checks the invariants against what the scenario served. The world is
// stopped afterwards: replaying needs processes of its own.
func (w *world) verify() {
	w.t.Helper()
	w.check()
	w.stop()
	w.checkAnalysis()
	w.checkReplay()
	w.checkIndependently()
}

// check is I1 to I5 of the database as it is.
func (w *world) check() {
	w.t.Helper()
	w.checkSnapshots()
	w.checkPositions()
	w.checkPresence()
	w.checkLedger()
	w.checkLog()
}

// counts are the rows of one snapshot.
type counts struct {
	At                                  time.Time
	Pilots, Controllers, ATIS, Prefiles int
	Rejected, Duplicates                map[string]int
}

// checkSnapshots is I1 and I2: every valid snapshot is there once, and its rows
// are all accounted for.
func (w *world) checkSnapshots() {
	w.t.Helper()
	want := []counts{}
	for _, s := range w.inOrder() {
		c := counts{
			At: s.key(), Pilots: s.count(vatsim.KindPilot), Controllers: s.count(vatsim.KindController),
			ATIS: s.count(vatsim.KindATIS), Prefiles: s.count(vatsim.KindPrefile),
			Rejected: map[string]int{}, Duplicates: map[string]int{},
		}
		for _, r := range s.rows {
			switch {
			case r.rejected != "":
				c.Rejected[r.kind.String()+"."+r.rejected]++
			case r.loses:
				c.Duplicates[r.kind.String()]++
			}
		}
		want = append(want, c)
	}
	got := query(w.t, w.site.DatabaseURL, pgx.RowToStructByPos[counts],
		`SELECT at, pilots, controllers, atis, prefiles, rejected, duplicates FROM snapshots ORDER BY at`)
	for i := range got {
		got[i].At = got[i].At.UTC()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("I1, I2: snapshots (-served +stored):\n%s", shorten(diff))
	}
}

// checkPositions is I3: an ordered checksum over every position.
func (w *world) checkPositions() {
	w.t.Helper()
	var want []string
	for _, s := range w.inOrder() {
		lines := []string{}
		for _, r := range s.of(vatsim.KindPilot) {
			if r.stored() {
				lines = append(lines, fmt.Sprintf("%s %d %s %d %d %d", s.key().Format(time.RFC3339Nano), r.cid, r.storedCallsign(), r.lat, r.lon, r.alt))
			}
		}
		slices.Sort(lines)
		want = append(want, lines...)
	}
	got := w.positions()
	if sha256.Sum256([]byte(strings.Join(want, "\n"))) != sha256.Sum256([]byte(strings.Join(got, "\n"))) {
		w.t.Errorf("I3: %d positions stored, %d served (-served +stored):\n%s", len(got), len(want), shorten(cmp.Diff(want, got)))
	}
}

// positions are the lines of skyledger.position in the checksum's order.
func (w *world) positions() []string {
	w.t.Helper()
	type position struct {
		At       time.Time
		CID      int
		Callsign string
		Lat, Lon float64
		Altitude int
	}
	rows := query(w.t, w.site.DatabaseURL, pgx.RowToStructByPos[position],
		`SELECT time, cid, callsign, lat, lon, altitude FROM skyledger.position`)
	lines := make([]string, len(rows))
	for i, p := range rows {
		lines[i] = fmt.Sprintf("%s %d %s %.0f %.0f %d", p.At.UTC().Format(time.RFC3339Nano), p.CID, p.Callsign, p.Lat*1e5, p.Lon*1e5, p.Altitude)
	}
	slices.SortFunc(lines, strings.Compare)
	return lines
}

func (r *row) storedCallsign() string {
	if r.wantedCallsign != "" {
		return r.wantedCallsign
	}
	return r.callsign
}

// checkPresence is I4 and more: who was in which snapshot, as sessions and
// their gaps have it, is who was served; and nobody is open twice.
func (w *world) checkPresence() {
	w.t.Helper()
	presence := func(kind vatsim.Kind, cid int, callsign string, logon, at time.Time) string {
		session := fmt.Sprintf("%s %d %s", kind, cid, callsign)
		if kind != vatsim.KindPrefile {
			session += " " + logon.UTC().Format(time.RFC3339Nano)
		}
		return session + " in " + at.UTC().Format(time.RFC3339Nano)
	}
	want := []string{}
	for _, s := range w.inOrder() {
		for _, r := range s.rows {
			if r.stored() {
				want = append(want, presence(r.kind, r.cid, r.storedCallsign(), r.logon.Truncate(time.Microsecond), s.key()))
			}
		}
	}
	type row struct {
		Kind     int16
		CID      int
		Callsign string
		Logon    *time.Time
		At       time.Time
	}
	rows := query(w.t, w.site.DatabaseURL, pgx.RowToStructByPos[row], `
		SELECT s.kind, s.cid, s.callsign, s.logon_time, n.at
		FROM sessions s CROSS JOIN head h
		JOIN snapshots n ON n.at BETWEEN s.first_seen AND coalesce(s.last_seen, h.snapshot)
		WHERE NOT coalesce(n.at > s.absent_since, false)
		  AND NOT EXISTS (SELECT FROM session_gaps g WHERE g.session_id = s.id AND n.at > g.last_present AND n.at < g.next_present)`)
	got := []string{}
	for _, r := range rows {
		var logon time.Time
		if r.Logon != nil {
			logon = *r.Logon
		}
		got = append(got, presence(vatsim.Kind(r.Kind), r.CID, r.Callsign, logon, r.At))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("I4: who was there (-served +stored):\n%s", shorten(diff))
	}
	if n := one[int](w.t, w.site.DatabaseURL, `SELECT count(*)::int FROM (SELECT FROM sessions WHERE last_seen IS NULL
		GROUP BY kind, cid, callsign, logon_time HAVING count(*) > 1) d`); n > 0 {
		w.t.Errorf("I4: %d connections are open twice", n)
	}
	if n := one[int](w.t, w.site.DatabaseURL, `SELECT (SELECT count(*) FROM sessions WHERE last_seen < first_seen OR absent_since < first_seen)::int
		+ (SELECT count(*) FROM session_gaps WHERE next_present <= last_present)::int`); n > 0 {
		w.t.Errorf("%d sessions or gaps have negative durations", n)
	}
}

// checkLedger is I5: from the first tick to the last each has a row, and one
// that brought nothing says why.
func (w *world) checkLedger() {
	w.t.Helper()
	if holes := query(w.t, w.site.DatabaseURL, pgx.RowTo[time.Time], `
		SELECT g FROM (SELECT min(tick) AS first, max(tick) AS last FROM ticks) b, generate_series(b.first, b.last, interval '15 seconds') g
		WHERE NOT EXISTS (SELECT FROM ticks t WHERE t.tick = g)`); len(holes) > 0 {
		w.t.Errorf("I5: the ledger lacks %d ticks, the first %s", len(holes), holes[0])
	}
	if n := one[int](w.t, w.site.DatabaseURL, `SELECT count(*)::int FROM ticks WHERE outcome < 4 AND reason = ''`); n > 0 {
		w.t.Errorf("I5: %d ticks brought nothing and do not say why", n)
	}
}

// checkLog: the log has every valid body byte for byte, and no other.
func (w *world) checkLog() {
	w.t.Helper()
	ctx := context.Background()
	log, err := w.site.openLog(ctx)
	must(w.t, err)
	defer func() { _ = log.Close() }()
	left := maps.Clone(w.served)
	for record, err := range log.Range(ctx, time.Time{}, base.AddDate(1, 0, 0)) {
		must(w.t, err)
		s := left[record.At.UTC()]
		if s == nil {
			w.t.Errorf("the log has %s, which was never served or is there twice", record.At)
			continue
		}
		if string(record.Network) != string(s.body()) {
			w.t.Errorf("the log's body of %s is not what was served", record.At)
		}
		delete(left, record.At.UTC())
	}
	for at := range left {
		w.t.Errorf("the log lacks %s", at)
	}
}

// ledger is the ticks' outcomes and reasons as "received" or "missing http_503".
func (w *world) ledger() []string {
	w.t.Helper()
	return query(w.t, w.site.DatabaseURL, pgx.RowTo[string],
		`SELECT trim(outcome || ' ' || reason) FROM skyledger.feed_ledger ORDER BY tick`)
}

// checkReplay is I6: a new process that is given every tick again changes
// nothing.
func (w *world) checkReplay() {
	w.t.Helper()
	before := w.tuples()
	type at struct{ Snapshot, Tick time.Time }
	ticks := map[time.Time]int{}
	for _, row := range query(w.t, w.site.DatabaseURL, pgx.RowToStructByPos[at], `SELECT snapshot, tick FROM ticks WHERE snapshot IS NOT NULL`) {
		ticks[row.Snapshot.UTC()] = int(row.Tick.Sub(base) / tickLength)
	}
	w.adapt = nil
	w.start()
	for _, s := range w.inOrder() {
		k, found := ticks[s.key()]
		if !found {
			w.t.Errorf("I5: no tick in the ledger brought %s", s.key())
			continue
		}
		w.serve(s)
		if report := w.tick(k); report.Projected > 0 || report.Restored > 0 || report.Delayed != "" {
			w.t.Errorf("I6: the replay of tick %d projected %d, restored %d, delayed %q", k, report.Projected, report.Restored, report.Delayed)
		}
	}
	w.stop()
	if diff := cmp.Diff(before, w.tuples()); diff != "" {
		w.t.Errorf("I6: the replay wrote (-before +after):\n%s", diff)
	}
}

// tuples returns PostgreSQL's counts of rows inserted, updated and deleted by
// table, the views' schema excluded. The world must be stopped: backends report
// at the latest when they end.
func (w *world) tuples() map[string]string {
	w.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.site.DatabaseURL)
	must(w.t, err)
	defer func() { _ = conn.Close(ctx) }()
	eventually(w.t, "every other backend of the database has ended", func() bool {
		var others int
		must(w.t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&others))
		return others == 0
	})
	rows, err := conn.Query(ctx, `SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE schemaname = 'sky'`)
	must(w.t, err)
	tuples := map[string]string{}
	var name string
	var inserted, updated, deleted int64
	_, err = pgx.ForEachRow(rows, []any{&name, &inserted, &updated, &deleted}, func() error {
		tuples[name] = fmt.Sprintf("%d inserted, %d updated, %d deleted", inserted, updated, deleted)
		return nil
	})
	must(w.t, err)
	return tuples
}

// checkIndependently asks package verify, which has a decoder and rules of its
// own, and lets it recompute everything from the log into a fresh schema (I7).
func (w *world) checkIndependently() { w.checkRetained(0, 0) }

// checkRetained is checkIndependently where retention has removed what is older
// than positions and history before the newest snapshot; 0 is nothing. Here I6
// is checked as the verify command does: by handing the log's records to the
// recorder again.
func (w *world) checkRetained(positions, history time.Duration) {
	w.t.Helper()
	ctx := context.Background()
	log, err := w.site.openLog(ctx)
	must(w.t, err)
	defer func() { _ = log.Close() }()
	report, err := verify.Run(ctx, verify.Options{
		Log: log, URL: w.site.DatabaseURL, Schema: store.DefaultSchema, Source: source, Samples: 1000,
		RetainPositions: positions, RetainHistory: history,
		Replay: w.replayLog,
		Rebuild: func(ctx context.Context, schema string, through, analyzed time.Time) error {
			_, err := rebuild.Run(ctx, rebuild.Options{
				Log: log, Places: places(), DatabaseURL: w.site.DatabaseURL, Source: source, FreshSchema: schema,
				Through: through, AnalyzeThrough: analyzed,
				SuspiciousTicks: w.site.SuspiciousTicks, ChunkDelay: 10 * time.Minute,
			})
			return err
		},
	})
	must(w.t, err)
	if len(report.Failed()) > 0 {
		var text strings.Builder
		must(w.t, report.Print(&text))
		w.t.Errorf("verify:\n%s", text.String())
	}
}

// checkAnalysis lets a process that has only just started analyse what is left:
// all that is projected is analysed then, I6 finds nothing more to do, and I7
// compares what was found.
func (w *world) checkAnalysis() {
	w.t.Helper()
	ctx := context.Background()
	log, err := w.site.openLog(ctx)
	must(w.t, err)
	defer func() { _ = log.Close() }()
	database, err := store.Open(ctx, store.Options{URL: w.site.DatabaseURL, Source: source})
	must(w.t, err)
	defer database.Close()
	_, err = analyze.New(analyze.Options{Log: log, Store: database, Places: places()}).Run(ctx)
	must(w.t, err)
	conn := connect(w.t, w.site.DatabaseURL)
	defer func() { _ = conn.Close(ctx) }()
	var left int
	must(w.t, conn.QueryRow(ctx, `SELECT count(*) FROM snapshots s WHERE NOT EXISTS (SELECT FROM analyzed a WHERE a.at = s.at)`).Scan(&left))
	if left > 0 {
		w.t.Errorf("%d snapshots are projected and not analysed", left)
	}
}

// places are the embedded airports and no FIRs.
func places() *reference.Reader {
	return reference.NewReader(reference.ReaderOptions{Clock: time.Now, Logger: zap.NewNop()})
}

// replayLog gives a process the log's records from a moment on once more.
func (w *world) replayLog(ctx context.Context, from time.Time) error {
	settings, err := config.Load([]string{"SOURCE=" + source, "DATABASE_URL=" + w.site.DatabaseURL, "LOG_URL=file://" + w.site.LogDir})
	if err != nil {
		return err
	}
	runtime := &app.Runtime{Config: settings, Logger: zap.NewNop(), Clock: w.clock.Now}
	return errors.Join(app.Replay(ctx, runtime, from), runtime.Close())
}

// shorten keeps a difference readable.
func shorten(text string) string {
	const most = 3000
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
