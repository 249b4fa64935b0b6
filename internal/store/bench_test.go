package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The benchmarks compare what a tick costs with the least one could write: the
// plain COPY of the same rows into a table without an index. Run them with
//
//	go test -run - -bench . -benchtime 240x ./internal/store
//
// SKYLEDGER_BENCH_PILOTS sets the scale. The server that the tests start has
// fsync off; set SKYLEDGER_TEST_DATABASE_URL for figures of a real one.

func benchPilots() int {
	n, _ := strconv.Atoi(os.Getenv("SKYLEDGER_BENCH_PILOTS"))
	return cmp.Or(n, 2500)
}

// traffic moves aircraft as they do: 30 % are parked, of the others two in
// three cruise and one climbs, descends or turns.
type traffic struct {
	random *rand.Rand
	planes []plane
	frame  Frame
}

type plane struct {
	lat, lon, alt, speed, track float64
	climb, turn                 float64 // feet and degrees in 15 s
}

func newTraffic(n int) *traffic {
	t := &traffic{random: rand.New(rand.NewPCG(1, 2)), planes: make([]plane, n)}
	for i := range t.planes {
		p := plane{lat: t.random.Float64()*120 - 50, lon: t.random.Float64()*360 - 180, track: t.random.Float64() * 360}
		if i%10 >= 3 {
			p.alt, p.speed = 30000+float64(t.random.IntN(10))*1000, 400+t.random.Float64()*100
			if i%3 == 0 {
				p.alt, p.speed, p.climb, p.turn = 10000, 250, float64(t.random.IntN(800)-400), t.random.Float64()*4-2
			}
		}
		t.planes[i] = p
	}
	key := func(i int) SessionKey {
		return SessionKey{Kind: 1, CID: int32(1_000_000 + i), Callsign: fmt.Sprint("BEN", i), Logon: start.Add(-time.Duration(i) * time.Second)}
	}
	ids := make([]int, n)
	for i := range ids {
		ids[i] = i
	}
	t.frame.SessionID = column(sorted(ids, func(i int) int64 { return SessionID(key(i)) }), func(i int) int64 { return SessionID(key(i)) })
	return t
}

func (t *traffic) next() Frame {
	f := Frame{SessionID: t.frame.SessionID}
	for i := range t.planes {
		p := &t.planes[i]
		moved := p.speed * 15 / 3600 / 60
		p.lat += moved * math.Cos(p.track*math.Pi/180)
		p.lon += moved * math.Sin(p.track*math.Pi/180) / math.Max(0.2, math.Cos(p.lat*math.Pi/180))
		p.alt = math.Min(45000, math.Max(500, p.alt+p.climb))
		p.track = math.Mod(p.track+p.turn+360, 360)
		wobble := 0.0
		if p.speed > 0 {
			wobble = float64(t.random.IntN(5)-2) * float64(t.random.IntN(2))
		}
		f.Latitude = append(f.Latitude, int32(p.lat*1e5))
		f.Longitude = append(f.Longitude, int32(p.lon*1e5))
		f.Altitude = append(f.Altitude, int32(p.alt+wobble*8))
		f.Groundspeed = append(f.Groundspeed, int16(p.speed+wobble/2))
		f.Heading = append(f.Heading, int16(p.track))
		f.Squawk = append(f.Squawk, 2000)
	}
	return f
}

func BenchmarkCommit(b *testing.B) {
	ctx := context.Background()
	s, x := setup(b)
	moving := newTraffic(benchPilots())
	hour := start.Truncate(time.Hour).Add(time.Hour)
	must(b, s.EnsurePartitions(ctx, hour, 2))
	c := changes(Head{}, start)
	for i, id := range moving.frame.SessionID {
		c.Opened = append(c.Opened, OpenedSession{ID: id, Key: SessionKey{Kind: 1, CID: int32(i), Callsign: fmt.Sprint("BEN", i), Logon: start}, FirstSeen: start})
	}
	must(b, s.Commit(ctx, c))
	chunking := time.Duration(0)
	before := wal(b, x.Conn)
	n := 0
	for b.Loop() {
		b.StopTimer()
		c = changes(c.Head, hour.Add(time.Duration(n)*15*time.Second))
		c.Positions = moving.next()
		b.StartTimer()
		must(b, s.Commit(ctx, c))
		n++
	}
	b.StopTimer()
	c = changes(c.Head, hour.Add(1000*time.Hour))
	must(b, s.Commit(ctx, c))
	hours, err := s.ChunkableHours(ctx, hour.Add(999*time.Hour))
	must(b, err)
	for _, chunkable := range hours {
		began := time.Now()
		must(b, s.EnsurePartitions(ctx, chunkable, 0))
		must(b, s.ChunkHour(ctx, chunkable))
		chunking += time.Since(began)
	}
	b.ReportMetric(float64(wal(b, x.Conn)-before)/float64(n), "WAL-B/tick")
	b.ReportMetric(chunking.Seconds()*1000/float64(n), "chunking-ms/tick")
	var size int64
	must(b, x.Conn.QueryRow(ctx, `SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'position_chunks'::regclass`).Scan(&size))
	b.ReportMetric(float64(size)/float64(n*benchPilots()), "B/position")
}

// BenchmarkCopy is the yardstick: psql's \copy of the rows as text into a plain
// logged table.
func BenchmarkCopy(b *testing.B) {
	ctx := context.Background()
	_, x := setup(b)
	_, err := x.Conn.Exec(ctx, `CREATE TABLE plain (time timestamptz, cid integer, callsign text, lat float8, lon float8,
		altitude integer, groundspeed smallint, heading smallint, session_id bigint)`)
	must(b, err)
	moving := newTraffic(benchPilots())
	before := wal(b, x.Conn)
	n := 0
	for b.Loop() {
		b.StopTimer()
		f := moving.next()
		var text bytes.Buffer
		moment := start.Add(time.Duration(n) * 15 * time.Second).Format(time.RFC3339Nano)
		for i, id := range f.SessionID {
			fmt.Fprintf(&text, "%s\t%d\tBEN%d\t%.5f\t%.5f\t%d\t%d\t%d\t%d\n", moment, 1_000_000+i, i,
				float64(f.Latitude[i])/1e5, float64(f.Longitude[i])/1e5, f.Altitude[i], f.Groundspeed[i], f.Heading[i], id)
		}
		b.StartTimer()
		_, err := x.Conn.PgConn().CopyFrom(ctx, &text, `COPY plain FROM STDIN`)
		must(b, err)
		n++
	}
	b.ReportMetric(float64(wal(b, x.Conn)-before)/float64(n), "WAL-B/tick")
}

func wal(b *testing.B, conn *pgx.Conn) int64 {
	b.Helper()
	var position int64
	must(b, conn.QueryRow(context.Background(), `SELECT (pg_current_wal_lsn() - '0/0')::bigint`).Scan(&position))
	return position
}

// BenchmarkTrack reads the track of one flight from chunks, and from a table of
// rows with a btree on (flight, time) for comparison.
func BenchmarkTrack(b *testing.B) {
	ctx := context.Background()
	s, x := setup(b)
	moving := newTraffic(benchPilots())
	hour := start.Truncate(time.Hour).Add(time.Hour)
	must(b, s.EnsurePartitions(ctx, hour, 1))
	c := changes(Head{}, start)
	for i, id := range moving.frame.SessionID {
		c.Opened = append(c.Opened, OpenedSession{ID: id, Key: SessionKey{Kind: 1, CID: int32(i), Callsign: fmt.Sprint("BEN", i), Logon: start}, FirstSeen: start})
	}
	must(b, s.Commit(ctx, c))
	for n := range 2*240 + 1 {
		c = changes(c.Head, hour.Add(time.Duration(n)*15*time.Second))
		c.Positions = moving.next()
		must(b, s.Commit(ctx, c))
	}
	hours, err := s.ChunkableHours(ctx, hour.Add(24*time.Hour))
	must(b, err)
	for _, chunkable := range hours {
		must(b, s.ChunkHour(ctx, chunkable))
	}
	span := []any{hour, hour.Add(2 * time.Hour), moving.frame.SessionID[5]}
	for _, statement := range []string{
		`CREATE TABLE plain AS SELECT * FROM skyledger.position ORDER BY time`,
		`CREATE INDEX ON plain (session_id, time)`, `VACUUM ANALYZE plain`, `ANALYZE`,
	} {
		_, err := x.Conn.Exec(ctx, statement)
		must(b, err)
	}
	for _, source := range []struct{ name, statement string }{
		{"chunks", `SELECT * FROM skyledger.positions($1, $2) WHERE session_id = $3`},
		{"view", `SELECT * FROM skyledger.position WHERE time >= $1 AND time < $2 AND session_id = $3`},
		{"rows", `SELECT * FROM plain WHERE time >= $1 AND time < $2 AND session_id = $3`},
		{"hour", `SELECT count(*), sum(lat) FROM skyledger.positions($1, $2::timestamptz - interval '1 hour') WHERE $3::bigint > 0`},
	} {
		b.Run(source.name, func(b *testing.B) {
			for b.Loop() {
				_, err := x.Conn.Exec(ctx, source.statement, span...)
				must(b, err)
			}
		})
	}
}
