//go:build soak

package faulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/rebuild"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
	"github.com/skyledger/skyledger/internal/verify"
)

const (
	soakTicks    = 5760 // a day
	soakPilots   = 150
	ticksPerHour = 240
	warmUpHours  = 6
	// What may be added between the end of the warm-up and the end of the day.
	rssGrowth       = 16 << 20 // bytes, for a day more of the log's index and of the garbage collector's mood
	handleGrowth    = 4        // open files
	goroutineGrowth = 6
)

// soakSnapshot is the kth snapshot of the day: each pilot flies for 100 minutes
// and is followed by another one.
func soakSnapshot(k int) *snapshot {
	rows := make([]*row, 0, soakPilots+8)
	for i := range soakPilots {
		generation := (k + i*7) / 400
		rows = append(rows, pilot(1_000_000+i+1000*generation, k))
	}
	for i := range 6 {
		rows = append(rows, controller(800_000+i+10*(k/500), fmt.Sprintf("AA%d_TWR", i), fmt.Sprintf("118.%d00", (k/300+i)%10)))
	}
	rows = append(rows, atis(800_001, "EGLL_ATIS", string(rune('A'+k/120%26)), fmt.Sprintf("INFORMATION %c", 'A'+k/120%26)), prefile(700_000+k/700))
	return newSnapshot(stampOf(k), rows...)
}

// soakFeed serves one snapshot at a time and keeps nothing.
type soakFeed struct {
	mu            sync.Mutex
	body, radios  []byte
	etag, address string
}

func (f *soakFeed) show(s *snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.body, f.radios, f.etag = s.body(), s.radios(), fmt.Sprintf("%q", s.at)
}

func (f *soakFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body := f.body
	switch r.URL.Path {
	case feedserver.StatusPath:
		body = feedserver.StatusBody(f.address)
	case feedserver.TransceiversPath:
		body = f.radios
	default:
		w.Header().Set("ETag", f.etag)
		if r.Header.Get("If-None-Match") == f.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = w.Write(body)
}

// usage is what the process holds.
type usage struct {
	rss, handles, goroutines int
}

func sample(t *testing.T) usage {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	must(t, err)
	var total, resident int
	_, err = fmt.Sscan(string(text), &total, &resident)
	must(t, err)
	handles, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return usage{rss: resident * os.Getpagesize(), handles: len(handles), goroutines: runtime.NumGoroutine()}
}

// 36: a day of snapshots as fast as they go, cleanup every hour.
func TestSoak(t *testing.T) {
	feed := &soakFeed{}
	server := httptest.NewServer(feed)
	t.Cleanup(server.Close)
	feed.address = server.URL
	d := &deployment{
		world: newWorld(t, with(func(s *site) { s.StatusURL = server.URL + feedserver.StatusPath })),
		redis: redistest.New(t), runtimes: &[]*app.Runtime{},
	}
	d.site.RedisURL = d.redis.URL
	d.ingest, d.warm = d.function(app.Ingest), d.function(app.APIFlights)
	cleanup, analysis := d.function(app.Cleanup), d.function(app.Analyze)
	ctx := context.Background()

	var warm, most usage
	started := time.Now()
	positions, checksum, counted := 0, sha256.New(), map[vatsim.Kind]int{}
	for k := range soakTicks {
		s := soakSnapshot(k)
		feed.show(s)
		d.deliver(k)
		positions += countPositions(s, func(line string) { checksum.Write([]byte(line)) })
		for kind := vatsim.KindPilot; kind <= vatsim.KindPrefile; kind++ {
			counted[kind] += s.count(kind)
		}
		if k%4 == 3 {
			_, err := analysis.Invoke(ctx, []byte(`{}`))
			must(t, err)
		}
		if k%20 == 0 {
			d.ask(d.warm)
		}
		if (k+1)%ticksPerHour != 0 {
			continue
		}
		_, err := cleanup.Invoke(ctx, []byte(`{}`))
		must(t, err)
		now, hour := sample(t), (k+1)/ticksPerHour
		t.Logf("hour %2d: %5d snapshots, %7d positions, %3.0f s, %3d MB, %d files, %d goroutines",
			hour, k+1, positions, time.Since(started).Seconds(), now.rss>>20, now.handles, now.goroutines)
		if hour <= warmUpHours {
			warm = usage{max(warm.rss, now.rss), max(warm.handles, now.handles), max(warm.goroutines, now.goroutines)}
		} else {
			most = usage{max(most.rss, now.rss), max(most.handles, now.handles), max(most.goroutines, now.goroutines)}
		}
	}
	t.Run("36: memory, files and goroutines stay as they were after the warm-up", func(t *testing.T) {
		if most.rss > warm.rss+rssGrowth || most.handles > warm.handles+handleGrowth || most.goroutines > warm.goroutines+goroutineGrowth {
			t.Errorf("from %+v in the first %d hours to %+v", warm, warmUpHours, most)
		}
	})
	t.Run("36: staleness shows when the feed ends", func(t *testing.T) {
		d := &deployment{world: d.in(t), redis: d.redis, ingest: d.ingest, warm: d.warm, runtimes: d.runtimes}
		d.clock.set(tickAt(soakTicks + 2).Add(fetchedAfter + time.Second))
		if answer := d.ask(d.function(app.APIFlights)); !answer.Meta.Stale {
			t.Error("not stale")
		}
	})
	t.Run("36: everything served is stored once, by our own count", func(t *testing.T) {
		want := []int{soakTicks, counted[vatsim.KindPilot], counted[vatsim.KindController], counted[vatsim.KindATIS], counted[vatsim.KindPrefile]}
		got := query(t, d.site.DatabaseURL, pgx.RowTo[[]int], `SELECT ARRAY[count(*), sum(pilots), sum(controllers), sum(atis), sum(prefiles)]::int[] FROM snapshots`)
		if !slices.Equal(want, got[0]) {
			t.Errorf("snapshots and rows %d, want %d", got[0], want)
		}
		rows, stored := checksumStored(t, d.site.DatabaseURL)
		if rows != positions || !bytes.Equal(stored, checksum.Sum(nil)) {
			t.Errorf("%d positions with checksum %s, want %d with %s", rows, hex.EncodeToString(stored)[:8], positions, hex.EncodeToString(checksum.Sum(nil))[:8])
		}
	})
	t.Run("36: every snapshot is analysed", func(t *testing.T) { d.in(t).checkAnalysis() })
	t.Run("36: I1 to I7 hold", func(t *testing.T) { d.in(t).verifyDay(started) })
	for _, runtime := range *d.runtimes {
		must(t, runtime.Close())
	}
}

// countPositions calls line for each position of a fixture in the checksum's order.
func countPositions(s *snapshot, line func(string)) int {
	lines := []string{}
	for _, r := range s.of(vatsim.KindPilot) {
		if r.stored() {
			lines = append(lines, fmt.Sprintf("%d %07d %s %d %d %d\n", s.key().UnixMicro(), r.cid, r.callsign, r.lat, r.lon, r.alt))
		}
	}
	slices.Sort(lines)
	for _, text := range lines {
		line(text)
	}
	return len(lines)
}

// checksumStored reads every position hour by hour in the same order.
func checksumStored(t *testing.T, address string) (int, []byte) {
	ctx := context.Background()
	conn := connect(t, address)
	sum, rows := sha256.New(), 0
	for hour := range soakTicks / ticksPerHour {
		from := base.Add(time.Duration(hour) * time.Hour)
		found, err := conn.Query(ctx, `SELECT time, cid, callsign, round(lat * 1e5)::int, round(lon * 1e5)::int, altitude
			FROM skyledger.positions($1, $2) ORDER BY time, cid, callsign COLLATE "C"`, from, from.Add(time.Hour))
		must(t, err)
		var at time.Time
		var cid, lat, lon, alt int
		var callsign string
		_, err = pgx.ForEachRow(found, []any{&at, &cid, &callsign, &lat, &lon, &alt}, func() error {
			rows++
			fmt.Fprintf(sum, "%d %07d %s %d %d %d\n", at.UnixMicro(), cid, callsign, lat, lon, alt)
			return nil
		})
		must(t, err)
	}
	return rows, sum.Sum(nil)
}

// verifyDay runs every check of package verify over the day.
func (w *world) verifyDay(started time.Time) {
	w.t.Helper()
	ctx := context.Background()
	log, err := w.site.openLog(ctx)
	must(w.t, err)
	defer func() { _ = log.Close() }()
	report, err := verify.Run(ctx, verify.Options{
		Log: log, URL: w.site.DatabaseURL, Schema: store.DefaultSchema, Source: source, Samples: 100,
		Progress: func(done, total int) {
			if done%1000 == 0 {
				w.t.Logf("verify: %d of %d snapshots, %.0f s", done, total, time.Since(started).Seconds())
			}
		},
		Replay: w.replayLog,
		Rebuild: func(ctx context.Context, schema string, through, analyzed time.Time) error {
			_, err := rebuild.Run(ctx, rebuild.Options{
				Log: log, Places: places(), DatabaseURL: w.site.DatabaseURL, Source: source, FreshSchema: schema,
				Through: through, AnalyzeThrough: analyzed, ChunkDelay: 10 * time.Minute,
			})
			return err
		},
	})
	must(w.t, err)
	var text bytes.Buffer
	must(w.t, report.Print(&text))
	w.t.Logf("after %.0f s:\n%s", time.Since(started).Seconds(), text.String())
	if !report.OK() {
		w.t.Error("an invariant does not hold")
	}
}
