package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/feedserver"
	"github.com/skyledger/skyledger/internal/projection"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// warmUp is how many ticks pass before the first that counts.
const warmUp = 3

// measureTicks records an hour of ticks and, by turns with them, copies the
// same rows into a plain table: time, WAL and size of both.
func measureTicks(ctx context.Context, set settings) (rows []Row, err error) {
	b, err := newBench(ctx, set.aircraft)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	url, err := b.database(ctx, "ticks")
	if err != nil {
		return nil, err
	}
	logDir := filepath.Join(b.dir, "log")
	parts, err := newRecorder(ctx, b.feed.StatusURL(), url, logDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, parts.close()) }()
	plain, err := newPlainTable(ctx, url)
	if err != nil {
		return nil, err
	}
	defer plain.conn.Close(ctx)

	var tickTime, transactionTime, copyTime, tickWAL, copyWAL []float64
	var gzipped int
	for n := range set.ticks {
		at := epoch.Add(time.Duration(n)*projection.TickLength + time.Second)
		if err := b.show(ctx, at); err != nil {
			return nil, err
		}
		var projected bool
		took, wal, err := plain.measure(ctx, func() (err error) { projected, err = parts.tick(ctx, at); return err })
		if err != nil {
			return nil, fmt.Errorf("tick %d: %w", n, err)
		}
		if !projected {
			continue
		}
		// Also what a copy has no counterpart of is in a tick: it is fetched,
		// unpacked, decoded and made durable before its transaction begins.
		transaction := parts.metrics.Last()["commit_ms"]
		size, err := gzipSize(b.scene.current)
		if err != nil {
			return nil, err
		}
		gzipped += size
		text, err := plainRows(b.scene.current.Network)
		if err != nil {
			return nil, err
		}
		copied, copiedWAL, err := plain.measure(ctx, func() error { return plain.copy(ctx, text) })
		if err != nil {
			return nil, err
		}
		if n >= warmUp {
			tickTime, tickWAL = append(tickTime, took), append(tickWAL, wal)
			transactionTime = append(transactionTime, transaction)
			copyTime, copyWAL = append(copyTime, copied), append(copyWAL, copiedWAL)
		}
		if n%60 == 59 {
			fmt.Fprintf(os.Stderr, "      %d of %d ticks\n", n+1, set.ticks)
		}
	}
	// The hour is over once a snapshot of the next one is there.
	after := epoch.Add(time.Hour + 2*projection.TickLength)
	if err := b.show(ctx, after); err != nil {
		return nil, err
	}
	if _, err := parts.tick(ctx, after); err != nil {
		return nil, err
	}
	_, chunkWAL, err := plain.measure(ctx, func() error { return parts.store.ChunkHour(ctx, epoch) })
	if err != nil {
		return nil, err
	}
	perPosition, err := plain.bytesPerPosition(ctx)
	if err != nil {
		return nil, err
	}
	logged, err := folderSize(logDir)
	if err != nil {
		return nil, err
	}
	ticks := float64(len(tickWAL))
	const kB = 1000
	return []Row{
		newRow(fmt.Sprintf("tick, %d aircraft", set.aircraft), median(tickTime), "ms", median(copyTime), "\\copy of its rows into a plain table, ms", 3),
		newRow("of it the database's part", median(transactionTime), "ms", median(copyTime), "\\copy of its rows into a plain table, ms", 3),
		newRow("WAL a tick, chunks included", (sum(tickWAL)/ticks+chunkWAL/ticks)/kB, "kB", sum(copyWAL)/ticks/kB, "\\copy of its rows, kB", 0.4),
		newRow("stored position, with indexes", perPosition, "bytes", 20, "20 bytes", 1),
		newRow("log, simulated hour with its keyframes", float64(logged)/1e6, "MB", float64(gzipped)/1e6, "gzip of the same bodies, MB", 0.2),
	}, nil
}

// plainTable is what a tick is compared with.
type plainTable struct{ conn *pgx.Conn }

func newPlainTable(ctx context.Context, url string) (plainTable, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return plainTable{}, err
	}
	_, err = conn.Exec(ctx, `create table plain_position (
		time timestamptz, cid integer, callsign text, lat float8, lon float8,
		altitude integer, groundspeed smallint, heading smallint, session_id bigint)`)
	return plainTable{conn: conn}, err
}

// measure returns the milliseconds that do took and the WAL bytes written.
func (p plainTable) measure(ctx context.Context, do func() error) (took, wal float64, err error) {
	const position = `select pg_current_wal_insert_lsn() - '0/0'::pg_lsn`
	var before, after float64
	if err := p.conn.QueryRow(ctx, position).Scan(&before); err != nil {
		return 0, 0, err
	}
	if took, err = timed(do); err != nil {
		return 0, 0, err
	}
	err = p.conn.QueryRow(ctx, position).Scan(&after)
	return took, after - before, err
}

// copy does what psql's \copy does with ready text.
func (p plainTable) copy(ctx context.Context, text []byte) error {
	_, err := p.conn.PgConn().CopyFrom(ctx, bytes.NewReader(text), "copy plain_position from stdin")
	return err
}

// bytesPerPosition divides the size of the chunks by the rows people read.
func (p plainTable) bytesPerPosition(ctx context.Context) (float64, error) {
	if _, err := p.conn.Exec(ctx, "vacuum"); err != nil {
		return 0, err
	}
	var bytes, rows float64
	err := p.conn.QueryRow(ctx, `
		select sum(pg_total_relation_size(inhrelid)), (select count(*) from skyledger.position)
		from pg_inherits where inhparent = 'position_chunks'::regclass`).Scan(&bytes, &rows)
	if err == nil && rows == 0 {
		err = errors.New("no positions were stored")
	}
	return bytes / rows, err
}

// plainRows returns a snapshot's positions as COPY's text.
func plainRows(body []byte) ([]byte, error) {
	snapshot, err := vatsim.Decode(body)
	if err != nil {
		return nil, err
	}
	var text []byte
	time := snapshot.UpdateTimestamp.Format("2006-01-02 15:04:05.999999-07")
	frame := projection.FrameOf(snapshot)
	for i, pilot := range snapshot.Pilots {
		text = append(append(text, time...), '\t')
		text = append(strconv.AppendInt(text, int64(pilot.CID), 10), '\t')
		text = append(append(text, pilot.Callsign...), '\t')
		text = append(strconv.AppendFloat(text, float64(pilot.Latitude)/1e5, 'f', 5, 64), '\t')
		text = append(strconv.AppendFloat(text, float64(pilot.Longitude)/1e5, 'f', 5, 64), '\t')
		text = append(strconv.AppendInt(text, int64(pilot.Altitude), 10), '\t')
		text = append(strconv.AppendInt(text, int64(pilot.Groundspeed), 10), '\t')
		text = append(strconv.AppendInt(text, int64(pilot.Heading), 10), '\t')
		text = append(strconv.AppendInt(text, frame.SessionID[i], 10), '\n')
	}
	return text, nil
}

// gzipSize is what keeping the bodies as gzip files would take.
func gzipSize(body feedserver.Body) (int, error) {
	size := 0
	for _, part := range [][]byte{body.Network, body.Transceivers} {
		if part == nil {
			continue
		}
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		if _, err := writer.Write(part); err != nil {
			return 0, err
		}
		if err := writer.Close(); err != nil {
			return 0, err
		}
		size += packed.Len()
	}
	return size, nil
}

func folderSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
