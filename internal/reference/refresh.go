package reference

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Keeper keeps the reference data; *store.Store is one.
type Keeper interface {
	PutWorld(ctx context.Context, world store.World, now time.Time) (stored bool, err error)
	WorldHash(ctx context.Context) (string, error)
	VATSpyInForce(ctx context.Context) (store.VATSpyVersion, error)
	PutVATSpy(ctx context.Context, content *store.VATSpy, version store.VATSpyVersion, keep int) (stored bool, err error)
	VATSpyContent(ctx context.Context) (store.VATSpy, store.VATSpyVersion, error)
	AirportFIRsOf(ctx context.Context) (world string, version int32, err error)
	PutAirportFIRs(ctx context.Context, world string, version int32, rows []store.AirportFIR) error
	PutReferenceCheck(ctx context.Context, check store.ReferenceCheck) error
}

// Outcomes of a refresh.
const (
	Stored      = "stored"      // another content is in force from now on
	Unchanged   = "unchanged"   // the content in force is the newest
	Refused     = "refused"     // what came is not believed; the last good one stays in force
	Unavailable = "unavailable" // nothing came; the last good one stays in force
)

// RefresherOptions are a refresher's parts and settings.
type RefresherOptions struct {
	World   func() (*World, error)
	Keeper  Keeper
	Source  Source
	Keep    int // versions kept in all; 5
	Clock   func() time.Time
	Logger  *zap.Logger
	Metrics *telemetry.Metrics
}

// Refresher brings the reference data in the database up to date.
type Refresher struct{ RefresherOptions }

// NewRefresher returns a refresher.
func NewRefresher(options RefresherOptions) *Refresher {
	if options.Keep == 0 {
		options.Keep = 5
	}
	return &Refresher{options}
}

// Report says what a refresh came to.
type Report struct {
	Outcome     string
	Reason      string // why it is not Stored; "" where the outcome says it all
	WorldStored bool   // the embedded part's rows were replaced
	InForce     store.VATSpyVersion
	Placed      int // airports placed in an FIR; 0 when they were already
}

// Run stores the embedded part where its rows are another program's, fetches
// VAT-Spy's files, and brings them into force if they are new and can be
// believed. Whatever is wrong with them or with the way there is an outcome and
// not an error, and the last good version stays in force; errors are the
// database's.
func (r *Refresher) Run(ctx context.Context) (Report, error) {
	started := time.Now()
	report, err := r.run(ctx)
	if err == nil {
		err = r.Keeper.PutReferenceCheck(ctx, store.ReferenceCheck{
			At: r.Clock(), Outcome: report.Outcome, Reason: report.Reason, Source: r.Source.Name(),
		})
	}
	r.emit(ctx, report, started, err)
	return report, err
}

func (r *Refresher) run(ctx context.Context) (report Report, err error) {
	world, err := r.World()
	if err != nil {
		return report, err
	}
	if report.WorldStored, err = r.storeWorld(ctx, world); err != nil {
		return report, err
	}
	if report.InForce, err = r.Keeper.VATSpyInForce(ctx); err != nil {
		return report, err
	}
	if err := r.refresh(ctx, &report); err != nil {
		return report, err
	}
	report.Placed, err = r.placeAirports(ctx, world, report.InForce)
	return report, err
}

// storeWorld compares hashes first: rows are made only where they are needed.
func (r *Refresher) storeWorld(ctx context.Context, world *World) (bool, error) {
	hash, err := r.Keeper.WorldHash(ctx)
	if err != nil || hash == world.Hash() {
		return false, err
	}
	return r.Keeper.PutWorld(ctx, world.rows(), r.Clock())
}

// refresh fetches, checks and stores VAT-Spy's files. Its errors are the
// database's.
func (r *Refresher) refresh(ctx context.Context, report *Report) error {
	before := report.InForce
	files, err := r.Source.Fetch(ctx, before)
	switch {
	case err != nil:
		report.Outcome, report.Reason = Unavailable, fault.ReasonOf(err)
		if fault.Is(err, fault.Upstream) {
			report.Outcome = Refused
		}
		r.keepLast(ctx, report, err)
		return nil
	case files.Unchanged:
		report.Outcome = Unchanged
		r.Source.Confirm(files)
		return nil
	}
	content, err := parse(files)
	if err == nil {
		err = believable(&content, before)
	}
	if err != nil {
		report.Outcome, report.Reason = Refused, fault.ReasonOf(err)
		r.keepLast(ctx, report, err)
		return nil
	}
	now := r.Clock()
	stored, err := r.Keeper.PutVATSpy(ctx, &content, store.VATSpyVersion{
		Hash: hashOf(files), Source: r.Source.Name(), Commit: files.Commit, Fetched: now, Since: now,
	}, r.Keep)
	if err != nil {
		return err
	}
	r.Source.Confirm(files)
	report.Outcome = Unchanged
	if stored {
		report.Outcome = Stored
		report.InForce, err = r.Keeper.VATSpyInForce(ctx)
	}
	return err
}

// keepLast says in the log that and why nothing new is in force.
func (r *Refresher) keepLast(ctx context.Context, report *Report, err error) {
	kept := "there are no FIRs and boundaries; the rest works without"
	if report.InForce.Version > 0 {
		kept = "the last good version stays in force, since " + report.InForce.Since.UTC().Format(time.RFC3339)
	}
	telemetry.For(ctx, r.Logger).Warn("VAT-Spy's data are not refreshed: "+kept,
		zap.String("source", r.Source.Name()), zap.String("outcome", report.Outcome), zap.String("reason", report.Reason), zap.Error(err))
}

// hashOf names a content: the files, each with its length before it.
func hashOf(files Files) []byte {
	digest := sha256.New()
	for _, file := range [][]byte{files.VATSpy, files.Boundaries} {
		fmt.Fprintf(digest, "%d\n", len(file))
		digest.Write(file)
	}
	return digest.Sum(nil)
}

func parse(files Files) (store.VATSpy, error) {
	content, err := ParseVATSpy(files.VATSpy)
	if err != nil {
		return content, err
	}
	var skipped map[string]int
	if content.Boundaries, skipped, err = ParseBoundaries(files.Boundaries); err != nil {
		return content, err
	}
	maps.Copy(content.Skipped, skipped)
	return content, nil
}

const (
	// leastShare of what is in force must be there again: VAT-Spy's releases
	// change a few dozen of 17,000 lines.
	leastShare = 0.8
	// mostSkipped of the lines may be wrong: none are today.
	mostSkipped = 0.1
	// mostLost of the FIRs may name a boundary that is not there: none do today.
	mostLost = 0.2
)

// believable refuses a content that is empty, that is suddenly much smaller
// than the one in force, or of which much could not be read.
func believable(content *store.VATSpy, before store.VATSpyVersion) error {
	const op = "reference.believable"
	lines := 0
	for _, part := range []struct {
		name   string
		count  int
		before int32
	}{
		{"firs", len(content.FIRs), before.FIRs}, {"boundaries", len(content.Boundaries), before.Boundaries},
		{"airports", len(content.Airports), before.Airports}, {"uirs", len(content.UIRs), before.UIRs},
	} {
		lines += part.count
		if part.count == 0 {
			return fault.E(op, fault.Upstream, "empty_"+part.name, nil)
		}
		if float64(part.count) < leastShare*float64(part.before) {
			return fault.E(op, fault.Upstream, "fewer_"+part.name, fmt.Errorf("%d of %d are left", part.count, part.before))
		}
	}
	skipped := 0
	for _, count := range content.Skipped {
		skipped += count
	}
	if float64(skipped) > mostSkipped*float64(lines) {
		return fault.E(op, fault.Upstream, "unreadable", fmt.Errorf("%d of %d lines are wrong", skipped, lines+skipped))
	}
	if lost := withoutBoundary(content); float64(lost) > mostLost*float64(len(content.FIRs)) {
		return fault.E(op, fault.Upstream, "boundaries_missing", fmt.Errorf("%d FIRs name a boundary that is not there", lost))
	}
	return nil
}

func withoutBoundary(content *store.VATSpy) (lost int) {
	known := map[string]bool{}
	for i := range content.Boundaries {
		known[content.Boundaries[i].ID] = true
	}
	for _, fir := range content.FIRs {
		if !known[fir.Boundary] {
			lost++
		}
	}
	return lost
}

// placeAirports notes in which FIR each embedded airport lies, unless that is
// known for what is in force.
func (r *Refresher) placeAirports(ctx context.Context, world *World, inForce store.VATSpyVersion) (int, error) {
	if inForce.Version == 0 {
		return 0, nil
	}
	placedWorld, placedVersion, err := r.Keeper.AirportFIRsOf(ctx)
	if err != nil || placedWorld == world.Hash() && placedVersion == inForce.Version {
		return 0, err
	}
	content, version, err := r.Keeper.VATSpyContent(ctx)
	if err != nil {
		return 0, err
	}
	airspace, err := NewAirspace(content, version)
	if err != nil {
		return 0, err
	}
	var rows []store.AirportFIR
	for i, fir := range airspace.Airports(world) {
		if fir != nil {
			rows = append(rows, store.AirportFIR{ICAO: world.airports[i].ICAO, FIR: fir.ID})
		}
	}
	return len(rows), r.Keeper.PutAirportFIRs(ctx, world.Hash(), version.Version, rows)
}

func (r *Refresher) emit(ctx context.Context, report Report, started time.Time, err error) {
	outcome := report.Outcome
	if err != nil {
		outcome = "error"
	}
	skipped := 0
	for _, count := range report.InForce.Skipped {
		skipped += count
	}
	r.Metrics.Emit(ctx, "reference", outcome, map[string]telemetry.Value{
		"duration":   {Value: float64(time.Since(started).Milliseconds()), Unit: telemetry.Milliseconds},
		"firs":       {Value: float64(report.InForce.FIRs), Unit: telemetry.Count},
		"boundaries": {Value: float64(report.InForce.Boundaries), Unit: telemetry.Count},
		"skipped":    {Value: float64(skipped), Unit: telemetry.Count},
	}, zap.String("reason", report.Reason), zap.Bool("world_stored", report.WorldStored), zap.Int("placed", report.Placed),
		zap.Int32("version", report.InForce.Version), zap.Error(err))
}
