package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/vatsim"
)

const headSQL = `SELECT version, snapshot, (SELECT max(tick) FROM ticks), held_since, held_count, pilot_count FROM head`

// Head returns the newest projected snapshot and the version that fences
// writers.
func (s *Store) Head(ctx context.Context) (Head, error) {
	var head Head
	err := s.use(ctx, "store.Head", func(ctx context.Context, conn *pgx.Conn) error {
		var err error
		head, err = scanHead(conn.QueryRow(ctx, headSQL))
		return err
	})
	return head, err
}

func scanHead(row pgx.Row) (Head, error) {
	var head Head
	err := row.Scan(&head.Version, (*moment)(&head.Snapshot), (*moment)(&head.Tick),
		(*moment)(&head.HeldSince), &head.HeldCount, &head.PilotCount)
	return head, err
}

// LoadState returns the head and every open session with what is in force for
// it, all of one moment, by session id.
func (s *Store) LoadState(ctx context.Context) (State, error) {
	var state State
	err := s.transact(ctx, "store.LoadState", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		var err error
		if state.Head, err = scanHead(tx.QueryRow(ctx, headSQL)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, openSessionsSQL)
		if err != nil {
			return err
		}
		state.Open, err = pgx.CollectRows(rows, scanOpenSession)
		return err
	})
	return state, err
}

// The laterals look up one row each, at the end of an index: a member has few
// revisions, and few members are online.
const openSessionsSQL = `
SELECT s.id, s.kind, s.cid, s.callsign, s.logon_time, s.absent_since,
       coalesce(p.hash, 0), coalesce(f.frequency, 0), coalesce(a.hash, 0), coalesce(a.code, ''), coalesce(t.hash, 0)
FROM sessions s
LEFT JOIN LATERAL (SELECT hash FROM flight_plans WHERE session_id = s.id ORDER BY since DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (SELECT frequency FROM frequencies WHERE session_id = s.id ORDER BY since DESC LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT hash, code FROM atis_texts WHERE session_id = s.id ORDER BY since DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT hash FROM stations WHERE session_id = s.id ORDER BY since DESC LIMIT 1) t ON true
WHERE s.last_seen IS NULL
ORDER BY s.id`

func scanOpenSession(row pgx.CollectableRow) (OpenSession, error) {
	var open OpenSession
	var kind int16
	err := row.Scan(&open.ID, &kind, &open.Key.CID, &open.Key.Callsign, (*moment)(&open.Key.Logon), (*moment)(&open.AbsentSince),
		&open.PlanHash, &open.Frequency, &open.ATISHash, &open.ATISCode, &open.StationHash)
	open.Key.Kind = vatsim.Kind(kind)
	return open, err
}
