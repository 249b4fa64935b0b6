package cleanup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/cleanup"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// The steps themselves are tested where they do their work, in store and
// rawlog, and together on real parts in faulttest. What is left to say here is
// which steps are taken, and by which clock.

var (
	newest = time.Date(2024, 11, 21, 12, 59, 25, 0, time.UTC)
	today  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// parts record what cleanup asks of the database and of the log.
type parts struct {
	head     store.Head
	headErr  error
	hours    []time.Time
	chunkErr map[time.Time]error

	partitionsFrom, chunkBefore, compactBefore, removeBefore time.Time
	chunked                                                  []time.Time
	retention                                                *store.Retention
	faultsBefore, alertsBefore                               time.Time
	compactErr                                               error
	looks                                                    int
	kept                                                     int
}

func (p *parts) Head(context.Context) (store.Head, error) { return p.head, p.headErr }

func (p *parts) EnsurePartitions(_ context.Context, from time.Time, _ int) error {
	p.partitionsFrom = from
	return nil
}

func (p *parts) ChunkableHours(_ context.Context, before time.Time) ([]time.Time, error) {
	p.chunkBefore = before
	return p.hours, nil
}

func (p *parts) ChunkHour(_ context.Context, hour time.Time) error {
	if err := p.chunkErr[hour]; err != nil {
		return err
	}
	p.chunked = append(p.chunked, hour)
	return nil
}

func (p *parts) DropBefore(_ context.Context, retention store.Retention) (store.Dropped, error) {
	p.retention = &retention
	return store.Dropped{Partitions: 1}, nil
}

func (p *parts) DropFaults(_ context.Context, cut time.Time) (int, error) {
	p.faultsBefore = cut
	return 4, nil
}

func (p *parts) DropAlerts(_ context.Context, cut time.Time) (int, error) {
	p.alertsBefore = cut
	return 5, nil
}

func (p *parts) Compact(_ context.Context, before time.Time, _ int) (rawlog.CompactReport, error) {
	p.compactBefore = before
	return rawlog.CompactReport{Hours: 2}, p.compactErr
}

func (p *parts) Remove(_ context.Context, before time.Time, _ int) (rawlog.RemoveReport, error) {
	p.removeBefore = before
	return rawlog.RemoveReport{Hours: 3}, nil
}

func (p *parts) Look(context.Context) error {
	p.looks++
	return nil
}

func (p *parts) Keep(context.Context) error {
	p.kept++
	return nil
}

func run(p *parts) (cleanup.Report, error) {
	clock := func() time.Time { return today }
	return cleanup.New(cleanup.Options{
		Store: p, Log: p, Usage: p, Advisor: p, Clock: clock, Logger: zap.NewNop(), Metrics: telemetry.NewMetrics(zap.NewNop(), "cleanup", clock),
		PartitionsAhead: 3, ChunkDelay: 10 * time.Minute, CompactDelay: 2 * time.Hour,
		RetainPositions: 24 * time.Hour, RetainLog: 48 * time.Hour, RetainErrors: 72 * time.Hour, RetainAlerts: 96 * time.Hour,
	}).Run(context.Background())
}

func TestTimeIsTheNewestSnapshots(t *testing.T) {
	p := &parts{head: store.Head{Snapshot: newest}}
	if _, err := run(p); err != nil {
		t.Fatal(err)
	}
	got := []time.Time{p.partitionsFrom, p.chunkBefore, p.compactBefore, p.removeBefore, p.retention.Positions, p.retention.History}
	want := []time.Time{
		newest, newest.Add(-10 * time.Minute), newest.Add(-2 * time.Hour),
		newest.Add(-48 * time.Hour), newest.Add(-24 * time.Hour), {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a recording of 2024 was cut by today's clock (-want +got):\n%s", diff)
	}
}

func TestRecordedErrorsGoByTheClock(t *testing.T) {
	p := &parts{head: store.Head{Snapshot: newest}}
	report, err := run(p)
	if err != nil || !p.faultsBefore.Equal(today.Add(-72*time.Hour)) || report.DroppedFaults != 4 {
		t.Errorf("errors before %s went, %d of them, error %v", p.faultsBefore, report.DroppedFaults, err)
	}
}

func TestAlertsGoByWhatIsPlayed(t *testing.T) {
	p := &parts{head: store.Head{Snapshot: newest}}
	report, err := run(p)
	if err != nil || !p.alertsBefore.Equal(newest.Add(-96*time.Hour)) || report.DroppedAlerts != 5 {
		t.Errorf("alerts before %s went, %d of them, error %v", p.alertsBefore, report.DroppedAlerts, err)
	}
}

func TestWithoutSnapshotsPartitionsAreMadeForToday(t *testing.T) {
	p := &parts{}
	if _, err := run(p); err != nil || !p.partitionsFrom.Equal(today) {
		t.Errorf("partitions from %s, error %v", p.partitionsFrom, err)
	}
}

func TestOneFailureDoesNotTakeTheOthersTurn(t *testing.T) {
	waiting, sound := newest.Truncate(time.Hour).Add(-2*time.Hour), newest.Truncate(time.Hour).Add(-time.Hour)
	p := &parts{
		head: store.Head{Snapshot: newest}, hours: []time.Time{waiting, sound},
		chunkErr:   map[time.Time]error{waiting: fault.E("store.ChunkHour", fault.Unavailable, "frames_missing", nil)},
		compactErr: errors.New("the bucket is away"),
	}
	report, err := run(p)
	if err == nil || p.retention == nil || p.kept != 1 || p.looks != 1 {
		t.Errorf("error %v, retention reached: %v, figures kept %d times, looks %d", err, p.retention != nil, p.kept, p.looks)
	}
	if diff := cmp.Diff([]time.Time{sound}, p.chunked); diff != "" || report.WaitingHours != 1 || report.ChunkedHours != 1 {
		t.Errorf("an hour that waits for its positions held up the next: %+v\n%s", report, diff)
	}
}

func TestNothingIsTouchedWhileTheHeadIsUnknown(t *testing.T) {
	p := &parts{headErr: fault.E("store.Head", fault.Unavailable, "connection_refused", nil), hours: []time.Time{newest}}
	if _, err := run(p); err == nil {
		t.Error("the failure was not reported")
	}
	if p.retention != nil || len(p.chunked) > 0 || !p.compactBefore.IsZero() {
		t.Error("something was removed without knowing what is newest")
	}
}
