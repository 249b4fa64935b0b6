package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// DatabaseHealth is how the database is doing. Times that nobody measured are
// nil.
type DatabaseHealth struct {
	Connect        time.Duration // until a connection was at hand; a new one where the pool had none idle
	Query          time.Duration // of the statement that asked for all this
	Version        string
	Standby        bool // it follows another server
	ReadOnly       bool // it takes no writes
	Replicas       int
	ReplicationLag *time.Duration // of a standby behind its primary
	Bytes          int64
	Connections    int // of all clients
	MaxConnections int
	OldestOpen     *time.Duration // age of the oldest transaction; nil when there is none, or none that may be seen
	Tables, Kept   Migration
}

// Migration is how far the migrations of a schema have come.
type Migration struct{ Applied, Latest int64 }

// Health asks the database how it is doing. It waits no longer than ctx does.
func (s *Store) Health(ctx context.Context) (DatabaseHealth, error) {
	var h DatabaseHealth
	latest, err := latestMigrations()
	if err != nil {
		return h, err
	}
	h.Tables.Latest, h.Kept.Latest = latest.tables, latest.kept
	began := time.Now()
	err = s.use(ctx, "store.Health", func(ctx context.Context, conn *pgx.Conn) error {
		connected := time.Now()
		h.Connect = connected.Sub(began)
		var lag, oldest *float64
		err := conn.QueryRow(ctx, healthSQL).Scan(&h.Version, &h.Standby, &h.ReadOnly, &h.Replicas, &lag, &h.Bytes,
			&h.Connections, &h.MaxConnections, &oldest, &h.Tables.Applied, &h.Kept.Applied)
		h.Query = time.Since(connected)
		h.ReplicationLag, h.OldestOpen = secondsOf(lag), secondsOf(oldest)
		return err
	})
	return h, err
}

func secondsOf(seconds *float64) *time.Duration {
	if seconds == nil {
		return nil
	}
	length := time.Duration(*seconds * float64(time.Second))
	return &length
}

// Sessions of other roles show their start only to those who may see it.
const healthSQL = `
SELECT split_part(current_setting('server_version'), ' ', 1), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
       (SELECT count(*) FROM pg_stat_replication),
       CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 END,
       pg_database_size(current_database()),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), current_setting('max_connections')::int,
       (SELECT extract(epoch FROM max(clock_timestamp() - xact_start))::float8 FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       (SELECT max(version_id) FROM ` + versionTable + ` WHERE is_applied),
       (SELECT max(version_id) FROM ` + KeptSchema + `.` + versionTable + ` WHERE is_applied)`

// Watermarks say how far each step of the recording has come; zero where it has
// not begun.
type Watermarks struct {
	Projected time.Time // newest snapshot in the database
	Ledger    time.Time // newest tick accounted for
	Unchunked time.Time // oldest snapshot whose positions are not in chunks yet
}

// Watermarks returns them as they are now.
func (s *Store) Watermarks(ctx context.Context) (Watermarks, error) {
	var w Watermarks
	err := s.use(ctx, "store.Watermarks", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT h.snapshot, (SELECT max(tick) FROM ticks), (SELECT min(at) FROM snapshots WHERE no IS NULL) FROM head h`).
			Scan((*moment)(&w.Projected), (*moment)(&w.Ledger), (*moment)(&w.Unchunked))
	})
	return w, err
}
