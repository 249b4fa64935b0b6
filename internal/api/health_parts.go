package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// PartScore is what every part says first.
type PartScore struct {
	Status string   `json:"status" enum:"healthy,degraded,unhealthy,unknown"`
	Score  *float64 `json:"score" doc:"0 to 100; null when it could not be measured"`
	Reason string   `json:"reason" doc:"the figure that the score comes from, the worst one"`
}

func scoreOf(part health.Part) PartScore {
	score := PartScore{Status: "unknown", Score: part.Score, Reason: part.Reason}
	if part.Score != nil {
		_, score.Status = health.Overall([]health.Part{part})
	}
	return score
}

// DatabaseAnswer is the shape of /api/health/database. What could not be
// measured is null.
type DatabaseAnswer struct {
	PartScore
	ConnectMS          *float64         `json:"connect_ms" doc:"until a connection was at hand; a new one where none was idle"`
	QueryMS            *float64         `json:"query_ms" doc:"of the statement that asked for all this"`
	Version            *string          `json:"version"`
	ReadOnly           *bool            `json:"read_only" doc:"whether it takes no writes"`
	Standby            *bool            `json:"standby" doc:"whether it follows another server"`
	Replicas           *int             `json:"replicas" doc:"that follow it, as far as the role may see"`
	ReplicationLagS    *float64         `json:"replication_lag_s" doc:"of a standby behind its primary; null for a primary"`
	Bytes              *int64           `json:"bytes" doc:"size of the database"`
	Connections        *int             `json:"connections" doc:"of all clients"`
	MaxConnections     *int             `json:"max_connections"`
	OldestTransactionS *float64         `json:"oldest_transaction_s" doc:"age of the oldest open transaction; null when there is none, or none that the role may see"`
	Migrations         *MigrationHealth `json:"migrations"`
	Pool               PoolState        `json:"pool" doc:"connections of the process that answers"`
	Stamped
}

// MigrationHealth is how far the migrations have come.
type MigrationHealth struct {
	Applied       int64 `json:"applied" doc:"of the tables computed from the log"`
	Latest        int64 `json:"latest" doc:"that this program knows"`
	KeptApplied   int64 `json:"kept_applied" doc:"of the tables that no log brings back"`
	KeptLatest    int64 `json:"kept_latest"`
	UpToDate      bool  `json:"up_to_date"`
	NewerThanThis bool  `json:"newer_than_this_program"`
}

// PoolState is a connection pool.
type PoolState struct {
	Size  int `json:"size"`
	Idle  int `json:"idle"`
	InUse int `json:"in_use"`
	Max   int `json:"max"`
}

func (s *service) askDatabase(ctx context.Context) (*store.DatabaseHealth, error) {
	found, err := s.Health.Health(ctx)
	if err != nil {
		s.note(ctx, err)
		return nil, err
	}
	return &found, nil
}

func (s *service) databaseHealth(ctx context.Context, _ *Conditional) (*DatabaseAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	found, err := s.askDatabase(ctx)
	pool := s.Health.Pool()
	answer := &DatabaseAnswer{
		PartScore: scoreOf(health.DatabasePart(found, reasonOf(err))),
		Pool:      PoolState{Size: int(pool.Size), Idle: int(pool.Idle), InUse: int(pool.InUse), Max: int(pool.Max)},
	}
	if found == nil {
		return answer, nil
	}
	answer.ConnectMS, answer.QueryMS = inMilliseconds(found.Connect), inMilliseconds(found.Query)
	answer.Version, answer.ReadOnly, answer.Standby, answer.Replicas = &found.Version, &found.ReadOnly, &found.Standby, &found.Replicas
	answer.Bytes, answer.Connections, answer.MaxConnections = &found.Bytes, &found.Connections, &found.MaxConnections
	answer.ReplicationLagS, answer.OldestTransactionS = inSeconds(found.ReplicationLag), inSeconds(found.OldestOpen)
	tables, kept := found.Tables, found.Kept
	answer.Migrations = &MigrationHealth{
		Applied: tables.Applied, Latest: tables.Latest, KeptApplied: kept.Applied, KeptLatest: kept.Latest,
		UpToDate:      tables.Applied >= tables.Latest && kept.Applied >= kept.Latest,
		NewerThanThis: tables.Applied > tables.Latest || kept.Applied > kept.Latest,
	}
	return answer, nil
}

func inMilliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

func inSeconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	whole := d.Round(time.Millisecond).Seconds()
	return &whole
}

// SystemAnswer is the shape of /api/health/system.
type SystemAnswer struct {
	PartScore
	MemoryShare *float64         `json:"memory_share" doc:"of what the process may use: its soft limit, else the machine's memory; 0 to 1"`
	DiskShare   *float64         `json:"disk_share" doc:"used of the fullest disk that the log is on, 0 to 1; null where the log is not on a disk"`
	Process     resource.Process `json:"process"`
	Machine     resource.Machine `json:"machine"`
	Stamped
}

func (s *service) systemHealth(ctx context.Context, _ *Conditional) (*SystemAnswer, error) {
	process, machine := s.System.Process(), s.System.Machine(ctx)
	used := shares(process, machine)
	return &SystemAnswer{
		PartScore: scoreOf(health.SystemPart(used)), MemoryShare: used.MemoryShare, DiskShare: used.DiskShare,
		Process: process, Machine: machine,
	}, nil
}

// shares are the parts of memory and disk in use. Where no limit is set, memory
// is the machine's.
func shares(process resource.Process, machine resource.Machine) health.System {
	var used health.System
	switch {
	case process.MemoryLimit != nil && *process.MemoryLimit > 0:
		share := float64(process.GoMemory) / float64(*process.MemoryLimit)
		used.MemoryShare = &share
	case machine.MemoryPercent != nil:
		share := *machine.MemoryPercent / 100
		used.MemoryShare = &share
	}
	for _, disk := range machine.Disks {
		if share := disk.UsedPercent / 100; used.DiskShare == nil || share > *used.DiskShare {
			used.DiskShare = &share
		}
	}
	return used
}

// FreshnessAnswer is the shape of /api/health/data-freshness.
type FreshnessAnswer struct {
	PartScore
	AgeS            *int           `json:"age_s" doc:"of the snapshot shown; null when none can be shown"`
	LastSnapshot    *time.Time     `json:"last_snapshot" doc:"update_timestamp of it"`
	Stale           bool           `json:"stale"`
	StaleAfterS     int            `json:"stale_after_s"`
	Held            bool           `json:"held" doc:"whether newer snapshots are held back as suspicious"`
	Layer           *string        `json:"layer" doc:"layer that showed it" enum:"memory,redis,log"`
	Completeness1h  *float64       `json:"completeness_1h" doc:"share of the ticks of an hour that were met; null where nobody can tell"`
	Completeness24h *float64       `json:"completeness_24h"`
	Backlog         *int           `json:"backlog" doc:"snapshots of the last 24 hours that are in the log and not in the database"`
	Watermarks      []WatermarkRow `json:"watermarks" doc:"empty where PostgreSQL does not answer"`
	Reasons         []string       `json:"reasons" doc:"what could not be measured, and why"`
	Stamped
}

// WatermarkRow is how far one step of the recording has come.
type WatermarkRow struct {
	Name string     `json:"name" enum:"ledger,projection,chunks" doc:"ledger: the newest tick accounted for; projection: the newest snapshot in the database; chunks: the oldest snapshot whose positions wait to be packed"`
	At   *time.Time `json:"at" doc:"null where the step has not begun, or nothing waits"`
	LagS *int       `json:"lag_s" doc:"seconds since then"`
}

// measured is what is known of the data's freshness.
type measured struct {
	shown     *live.Answer
	hour, day *float64 // completeness
	backlog   *int
	marks     *store.Watermarks
	reasons   []string
}

func (m measured) figures() health.Freshness {
	figures := health.Freshness{StaleAfter: live.StaleAfter, Completeness: m.day, Backlog: m.backlog}
	if m.shown != nil {
		figures.Age, figures.Held = &m.shown.Age, m.shown.Held
	}
	return figures
}

// freshness measures it; what cannot be had has its reason.
func (s *service) freshness(ctx context.Context) (m measured) {
	failed := func(what string, err error) {
		s.note(ctx, err)
		m.reasons = append(m.reasons, what+": "+fault.ReasonOf(err))
	}
	if shown, err := s.Live.Get(ctx, live.Network, live.JSON); err != nil {
		failed("live view", err)
	} else {
		m.shown = &shown
	}
	now := s.Clock()
	for length, share := range map[time.Duration]**float64{time.Hour: &m.hour, completenessOver: &m.day} {
		summary, err := s.Ledger.LedgerSummary(ctx, now.Add(-length), now)
		if err != nil {
			failed("ledger", err)
			return m // the rest comes from the same place
		}
		if summary.Expected > 0 {
			_, completeness := upToNow(summary, now)
			*share = &completeness
		}
	}
	marks, err := s.Health.Watermarks(ctx)
	if err != nil {
		failed("watermarks", err)
		return m
	}
	m.marks = &marks
	after := marks.Projected
	if earliest := now.Add(-completenessOver); after.Before(earliest) {
		after = earliest
	}
	waiting, err := s.Entries.Entries(ctx, after.Add(time.Microsecond), now.Add(completenessOver))
	if err != nil {
		failed("log", err)
		return m
	}
	backlog := len(waiting)
	m.backlog = &backlog
	return m
}

func (s *service) dataFreshness(ctx context.Context, _ *Conditional) (*FreshnessAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	m := s.freshness(ctx)
	answer := &FreshnessAnswer{
		PartScore: scoreOf(health.FreshnessPart(m.figures())), Stale: true, StaleAfterS: int(live.StaleAfter / time.Second),
		Completeness1h: m.hour, Completeness24h: m.day, Backlog: m.backlog, Watermarks: []WatermarkRow{}, Reasons: append([]string{}, m.reasons...),
	}
	if m.shown != nil {
		layer := string(m.shown.Layer)
		answer.AgeS, answer.LastSnapshot, answer.Layer = seconds(m.shown.Age), utc(m.shown.Snapshot), &layer
		answer.Stale, answer.Held = m.shown.Stale, m.shown.Held
	}
	if m.marks != nil {
		now := s.Clock()
		for _, mark := range []struct {
			name string
			at   time.Time
		}{{"ledger", m.marks.Ledger}, {"projection", m.marks.Projected}, {"chunks", m.marks.Unchunked}} {
			row := WatermarkRow{Name: mark.name, At: utc(mark.at)}
			if row.At != nil {
				row.LagS = seconds(now.Sub(mark.at))
			}
			answer.Watermarks = append(answer.Watermarks, row)
		}
	}
	return answer, nil
}
