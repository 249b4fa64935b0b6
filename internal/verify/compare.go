package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// stored is one row of the table snapshots.
type stored struct {
	at         time.Time
	hash       []byte
	counts     [kinds]int
	rejected   map[string]int // "pilot.latitude_range" → rows
	duplicates map[string]int // "pilot" → rows
}

func scanStored(row pgx.CollectableRow) (stored, error) {
	var s stored
	var rejected, duplicates []byte
	err := row.Scan(&s.at, &s.hash, &s.counts[pilots], &s.counts[controllers], &s.counts[atisStations], &s.counts[prefiles],
		&rejected, &duplicates)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(rejected, &s.rejected); err != nil {
		return s, err
	}
	return s, json.Unmarshal(duplicates, &s.duplicates)
}

// comparison goes through the log and the database side by side (I1, I2, I3).
type comparison struct {
	*run
	once, rows, checksums check
	snapshots             *cursor[stored]
	presence              *presence
	views                 *viewPositions
	revisions             *revisions
	newest                *snapshot // the last one that both have

	matched           int
	totals            [kinds]tally
	positions         int
	unknown           int // snapshots older than the retention of positions
	fromLog, fromView hash.Hash
}

// compare reads the log once.
func (r *run) compare(ctx context.Context) (*comparison, error) {
	c := &comparison{
		run: r, once: check{name: "I1"}, rows: check{name: "I2"}, checksums: check{name: "I3"},
		fromLog: sha256.New(), fromView: sha256.New(),
	}
	var err error
	if c.snapshots, err = openCursor(ctx, r.db, `SELECT at, hash, pilots, controllers, atis, prefiles, rejected, duplicates
		FROM snapshots WHERE at >= `+literal(r.from)+` AND at <= `+literal(later(r.through, r.head.snapshot))+` ORDER BY at`, scanStored); err != nil {
		return nil, err
	}
	if c.presence, err = openPresence(ctx, r.db, r.from); err != nil {
		return nil, err
	}
	c.views = &viewPositions{db: r.db}
	c.revisions = newRevisions(r)
	done := 0
	err = r.stream(ctx, func(next counted) error {
		if err := c.record(ctx, next); err != nil {
			return err
		}
		done++
		if r.Progress != nil {
			r.Progress(done, len(r.entries))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if unreadable := len(r.entries) - done; unreadable > 0 {
		c.once.violated("%d records of the log cannot be read", unreadable)
	}
	return c, c.finish(ctx)
}

// record compares one record of the log with the database.
func (c *comparison) record(ctx context.Context, next counted) error {
	at := next.record.At.UTC()
	row, found, err := c.storedAt(ctx, at)
	if err != nil {
		return err
	}
	switch {
	case next.snapshot == nil && found:
		c.once.violated("%s is projected, and its body is no snapshot", stamp(at))
		return nil
	case next.snapshot == nil:
		return nil // kept, and rightly not projected
	case !next.snapshot.at.Equal(at):
		c.once.violated("%s has the key %s in the log", stamp(next.snapshot.at), stamp(at))
		return nil
	}
	c.ticks = append(c.ticks, next.record.Tick.Unix())
	c.names.add(next.snapshot)
	if !found {
		c.once.violated("%s is in the log and not in the database", stamp(at))
		return nil
	}
	if string(row.hash) != string(next.snapshot.hash[:]) {
		c.once.violated("%s has the hash %x, its body %x", stamp(at), row.hash[:min(4, len(row.hash))], next.snapshot.hash[:4])
	}
	c.matched++
	c.newest = next.snapshot
	if err := c.contents(ctx, next.snapshot, row); err != nil {
		return err
	}
	return c.revisions.snapshot(ctx, next.snapshot)
}

// storedAt moves the cursor to a time; what it passes is in no record.
func (c *comparison) storedAt(ctx context.Context, at time.Time) (stored, bool, error) {
	for {
		row, ok, err := c.snapshots.peek(ctx)
		if err != nil || !ok || row.at.After(at) {
			return stored{}, false, err
		}
		c.snapshots.take()
		if row.at.Equal(at) {
			return row, true, nil
		}
		c.alien(row.at)
	}
}

// alien reports a snapshot that no record has been read for. One that the log
// lists is not alien but unreadable, which is counted at the end.
func (c *comparison) alien(at time.Time) {
	for _, entry := range c.entries {
		if entry.At.Equal(at) {
			return
		}
	}
	c.once.violated("%s is in the database and not in the log", stamp(at))
}

// contents compares the rows of a snapshot that both have.
func (c *comparison) contents(ctx context.Context, s *snapshot, row stored) error {
	if err := c.presence.moveTo(ctx, s.at); err != nil {
		return err
	}
	for k := pilots; k <= prefiles; k++ {
		c.counts(k, s, row)
		c.presence.compare(k, s, &c.rows)
	}
	if s.at.Before(c.places) {
		c.unknown++
		return nil
	}
	want := s.positions()
	got, err := c.views.at(ctx, s.at)
	if err != nil {
		return err
	}
	if len(want) != len(got) {
		c.rows.violated("%s: %d pilots in the body, %d positions in the view", stamp(s.at), len(want), len(got))
	}
	c.positions += len(got)
	wantSum, gotSum := checksum(s.at, want), checksum(s.at, got)
	c.fromLog.Write(wantSum[:])
	c.fromView.Write(gotSum[:])
	if wantSum != gotSum {
		c.checksums.violated("%s: %s", stamp(s.at), firstDifference(want, got))
	}
	return nil
}

// counts compares the ledger's figures of a kind: stored, rejected and dropped
// rows together must be the rows of the body.
func (c *comparison) counts(k kind, s *snapshot, row stored) {
	want := s.tallies[k]
	got := tally{accepted: row.counts[k], duplicates: row.duplicates[k.String()]}
	for reason, rows := range row.rejected {
		if prefix, _, _ := strings.Cut(reason, "."); prefix == k.String() {
			got.rejected += rows
		}
	}
	got.rows = got.accepted + got.rejected + got.duplicates
	if got != want {
		c.rows.violated("%s: %s rows %s in the ledger, %s in the body", stamp(s.at), k, got, want)
	}
	total := &c.totals[k]
	total.rows += want.rows
	total.accepted += want.accepted
	total.rejected += want.rejected
	total.duplicates += want.duplicates
}

func (t tally) String() string {
	return fmt.Sprintf("%d (%d stored, %d rejected, %d duplicate)", t.rows, t.accepted, t.rejected, t.duplicates)
}

// finish looks at what the database has beyond the log.
func (c *comparison) finish(ctx context.Context) error {
	for {
		row, ok, err := c.snapshots.peek(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.snapshots.take()
		if c.To.IsZero() || row.at.Before(c.To) {
			c.alien(row.at)
		}
	}
	return c.views.end(ctx)
}

func (c *comparison) lines() []Line {
	var total tally
	for _, t := range c.totals {
		total.rows += t.rows
		total.accepted += t.accepted
		total.rejected += t.rejected
		total.duplicates += t.duplicates
	}
	older := ""
	if c.unknown > 0 {
		older = fmt.Sprintf("; %d snapshots older than the retention of positions", c.unknown)
	}
	return []Line{
		c.once.line("%d of %d snapshots of the log projected exactly once", c.matched, len(c.entries)),
		c.rows.line("%d rows of the feed = %d stored + %d rejected + %d duplicates; pilots %d, controllers %d, ATIS %d, prefiles %d stored",
			total.rows, total.accepted, total.rejected, total.duplicates, c.totals[pilots].accepted,
			c.totals[controllers].accepted, c.totals[atisStations].accepted, c.totals[prefiles].accepted),
		c.checksums.line("%d positions in skyledger.position, checksum %s, the log's %s%s", c.positions,
			hex.EncodeToString(c.fromView.Sum(nil)[:6]), hex.EncodeToString(c.fromLog.Sum(nil)[:6]), older),
	}
}
