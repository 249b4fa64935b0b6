package analyze

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/sector"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// checkpointEvery is how much of the network's time lies between checkpoints:
// a start looks again at no more than this, a second or two of work, and the
// checkpoints are a third of what analysis writes.
const checkpointEvery = 10 * time.Minute

// Places is where the reference data come from; *reference.Reader is one.
type Places interface {
	World() (*reference.World, error)
	Airspace(ctx context.Context) (*reference.Airspace, error)
}

// analyst is everything that follows the network from snapshot to snapshot. It
// is moved by observe; when what it said could not be committed it is thrown
// away.
type analyst struct {
	flights     *flight.Tracker
	controllers *atc.Tracker
	sectors     *sector.Tracker

	head     store.AnalysisHead
	began    time.Time // slot of the newest checkpoint
	airspace int32     // version that the newest snapshot was looked at with
}

func newAnalyst(world *reference.World, head store.AnalysisHead) *analyst {
	return &analyst{flights: flight.New(flight.Options{World: world}), controllers: atc.New(world), sectors: sector.New(), head: head}
}

// observe moves past a snapshot and returns what it changes.
func (a *analyst) observe(s scene.Scene, airspace *reference.Airspace) (store.Analysis, error) {
	at := s.UpdateTimestamp
	seen := a.flights.Observe(s)
	version := int32(0)
	if airspace != nil {
		version = airspace.Version.Version
	}
	changes := store.Analysis{
		ExpectedVersion: a.head.Version, At: at,
		Figures:     figuresOf(s, seen.Statuses, version),
		Traffic:     trafficOf(seen, at),
		Controllers: a.controllers.Observe(s, seen.Statuses, airspace),
		Sectors:     a.sectors.Observe(s, seen.Statuses, airspace),
	}
	slot := at.Truncate(checkpointEvery)
	// With another airspace the past looks different: nobody may look at it
	// again from before.
	due := !slot.Equal(a.began) || version != a.airspace
	a.began, a.airspace = slot, version
	if !due {
		return changes, nil
	}
	var err error
	changes.Checkpoint, err = a.save()
	return changes, err
}

// open is what may still change, as a rewind writes it.
func (a *analyst) open() store.Analysis {
	var t store.Traffic
	for _, f := range a.flights.Open() {
		t = appendFlight(t, &f)
	}
	return store.Analysis{Traffic: t, Controllers: a.controllers.Open()}
}

func figuresOf(s scene.Scene, statuses []flight.Status, airspace int32) store.AnalysisFigures {
	f := store.AnalysisFigures{
		Airspace: airspace, Pilots: len(s.Pilots), ATIS: len(s.ATIS), Prefiles: len(s.Prefiles),
	}
	for _, status := range statuses {
		if status.Airborne {
			f.Airborne++
		}
	}
	for i := range s.Controllers {
		if controls(&s.Controllers[i]) {
			f.Controllers++
		} else {
			f.Observers++
		}
	}
	return f
}

// controls says whether somebody is at a position: observers have the facility
// 0, supervisors and those who have only just come no frequency.
func controls(c *vatsim.Controller) bool { return c.Facility > 0 && c.Frequency > 0 }

// sceneOf decodes a record of the log.
func sceneOf(network, transceivers []byte, held bool) (scene.Scene, error) {
	snapshot, err := vatsim.Decode(network)
	if err != nil {
		return scene.Scene{}, fault.E("analyze.sceneOf", fault.Internal, "damaged", err)
	}
	s := scene.Scene{Snapshot: snapshot, Held: held}
	if transceivers != nil {
		// Radios that cannot be read leave everybody's as they are, as for ingest.
		s.Stations, _ = vatsim.DecodeStations(transceivers)
	}
	return s, nil
}
