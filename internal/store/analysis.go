package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// AnalysisHead is the newest analysed snapshot and the version that fences its
// writers.
type AnalysisHead struct {
	Version  int64
	Snapshot time.Time // zero when nothing is analysed yet
}

// WaitingSnapshot is one that is projected and not analysed.
type WaitingSnapshot struct {
	At   time.Time
	Held bool // suspicious: not believed
}

// AnalysisWork is what analysis finds to do, all of one moment.
type AnalysisWork struct {
	Head    AnalysisHead
	Late    time.Time         // oldest one waiting that is not newer than Head.Snapshot; zero when none
	Waiting []WaitingSnapshot // newer than Head.Snapshot, by time
	More    bool              // whether the limit cut Waiting
}

// Checkpoint is everything that analysis remembers after a snapshot.
type Checkpoint struct {
	At    time.Time
	State []byte
}

// Analysis is what the analysis of one snapshot changes; CommitAnalysis writes
// all of it or nothing.
type Analysis struct {
	ExpectedVersion int64
	At              time.Time
	Figures         AnalysisFigures
	Checkpoint      []byte // nil: none at this snapshot

	Traffic     Traffic
	Controllers ControllerChanges
	Sectors     SectorChanges
}

// AnalysisFigures are the network's at one snapshot, and the version of the
// airspace that it was looked at with; 0 is none.
type AnalysisFigures struct {
	Airspace    int32
	Pilots      int
	Airborne    int
	Controllers int // who control; observers and supervisors are the others
	Observers   int
	ATIS        int
	Prefiles    int
}

// FindAnalysisWork returns how far analysis is and what waits for it: at most
// limit snapshots behind the head, and the oldest one that came late, if it is
// newer than the head less lateWindow.
func (s *Store) FindAnalysisWork(ctx context.Context, lateWindow time.Duration, limit int) (AnalysisWork, error) {
	var work AnalysisWork
	err := s.transact(ctx, "store.FindAnalysisWork", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		work = AnalysisWork{}
		if err := tx.QueryRow(ctx, `SELECT version, snapshot FROM analysis`).Scan(&work.Head.Version, (*moment)(&work.Head.Snapshot)); err != nil {
			return err
		}
		if !work.Head.Snapshot.IsZero() {
			if err := tx.QueryRow(ctx, `SELECT min(s.at) FROM snapshots s
				WHERE s.at > $1 AND s.at <= $2 AND NOT EXISTS (SELECT FROM analyzed a WHERE a.at = s.at)`,
				work.Head.Snapshot.Add(-lateWindow), work.Head.Snapshot).Scan((*moment)(&work.Late)); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `SELECT at, suspicious FROM snapshots WHERE at > coalesce($1::timestamptz, '-infinity') ORDER BY at LIMIT $2`,
			moment(work.Head.Snapshot), limit+1)
		if err != nil {
			return err
		}
		work.Waiting, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WaitingSnapshot])
		if work.More = len(work.Waiting) > limit; work.More {
			work.Waiting = work.Waiting[:limit]
		}
		return err
	})
	return work, err
}

// AnalyzedSince returns the snapshots from < at <= to that are analysed, with
// whether they were believed.
func (s *Store) AnalyzedSince(ctx context.Context, from, to time.Time) ([]WaitingSnapshot, error) {
	var analyzed []WaitingSnapshot
	err := s.use(ctx, "store.AnalyzedSince", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT a.at, s.suspicious FROM analyzed a JOIN snapshots s USING (at)
			WHERE a.at > coalesce($1::timestamptz, '-infinity') AND a.at <= $2 ORDER BY a.at`, moment(from), to)
		if err != nil {
			return err
		}
		analyzed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WaitingSnapshot])
		return err
	})
	return analyzed, err
}

// CheckpointBefore returns the newest checkpoint not after a time; false when
// there is none.
func (s *Store) CheckpointBefore(ctx context.Context, to time.Time) (Checkpoint, bool, error) {
	var found []Checkpoint
	err := s.use(ctx, "store.CheckpointBefore", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT at, state FROM checkpoints WHERE at <= $1 ORDER BY at DESC LIMIT 1`, to)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Checkpoint])
		return err
	})
	if err != nil || len(found) == 0 {
		return Checkpoint{}, false, err
	}
	return found[0], true, nil
}

// checkpointsKept reach back further than any rewind: see AnalysisWork.Late.
const checkpointsKept = "2 hours"

// CommitAnalysis writes what the analysis of one snapshot changes, in one
// transaction and one round trip. It returns a fault.Conflict with the reason
//   - "already_projected" when the snapshot is analysed,
//   - "fenced" when somebody else moved the analysis,
//   - "older_than_head" when the snapshot is not, or no more, projected.
//
// None of them leaves a trace.
func (s *Store) CommitAnalysis(ctx context.Context, a Analysis) error {
	const op = "store.CommitAnalysis"
	batch := &pgx.Batch{}
	batch.Queue(limitsSQL, s.limits()...)
	batch.Queue(`SELECT advance_analysis($1, $2)`, a.ExpectedVersion, a.At)
	f := a.Figures
	batch.Queue(`INSERT INTO analyzed (at, airspace, pilots, airborne, controllers, observers, atis, prefiles)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.At, f.Airspace, f.Pilots, f.Airborne, f.Controllers, f.Observers, f.ATIS, f.Prefiles)
	queueTraffic(batch, a.At, a.Traffic)
	queueControllers(batch, a.Controllers)
	queueSectors(batch, a.Sectors)
	if a.Checkpoint != nil {
		batch.Queue(`INSERT INTO checkpoints (at, state) VALUES ($1, $2)`, a.At, a.Checkpoint)
		batch.Queue(`DELETE FROM checkpoints WHERE at < $1::timestamptz - interval '`+checkpointsKept+`'`, a.At)
	}
	return s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.SendBatch(ctx, batch).Close()
	})
}

// RewindAnalysis takes back what was decided after a time, and writes again
// what was open then: open is made of the checkpoint of exactly that time, or
// is empty when to is zero and all analysis begins anew. It returns the head as
// it is then. An expectedVersion that is not the head's is a fault.Conflict
// "fenced".
func (s *Store) RewindAnalysis(ctx context.Context, expectedVersion int64, to time.Time, open Analysis) (AnalysisHead, error) {
	const op = "store.RewindAnalysis"
	var head AnalysisHead
	err := s.transact(ctx, op, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE analysis SET version = version + 1, snapshot = $2 WHERE version = $1`, expectedVersion, moment(to))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.E(op, fault.Conflict, "fenced", nil)
		}
		if err := rewindTraffic(ctx, tx, to); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`DELETE FROM analyzed WHERE at > coalesce($1::timestamptz, '-infinity')`, moment(to))
		batch.Queue(`DELETE FROM checkpoints WHERE at > coalesce($1::timestamptz, '-infinity')`, moment(to))
		queueTraffic(batch, to, open.Traffic)
		queueRewindControllers(batch, to)
		queueControllers(batch, open.Controllers)
		queueRewindSectors(batch, to)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		head = AnalysisHead{Version: expectedVersion + 1, Snapshot: to}
		return nil
	})
	return head, err
}
