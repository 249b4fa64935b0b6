package flight_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/scene"
	"github.com/skyledger/skyledger/internal/traffic"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Two captured snapshots lie 70 minutes apart. Who stood at the filed departure
// in the one and flew in the other, under the same session, has departed there;
// who flew and stands at the filed arrival has landed there. That is counted
// from the rows alone.
func TestSeventyMinutesBetweenTwoSnapshots(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/feed/2024-11-21/*.json")
	if len(files) < 2 {
		t.Skip("no captured snapshots at ../shared/data/feed/2024-11-21 beside the repository")
	}
	var before, after *vatsim.Snapshot
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := vatsim.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		switch snapshot.UpdateTimestamp.Truncate(time.Second).Format(time.TimeOnly) {
		case "11:47:25":
			before = snapshot
		case "12:57:25":
			after = snapshot
		}
	}
	if before == nil || after == nil {
		t.Fatal("the snapshots of 11:47:25 and 12:57:25 are not there")
	}
	at := func(p *vatsim.Pilot, code string) bool {
		airport, found := world(t).Airport(code)
		return found && len(code) == 4 && geo.Within(3, float64(p.Latitude)/1e5, float64(p.Longitude)/1e5, airport.Lat, airport.Lon)
	}
	type movement struct {
		cid     int32
		kind    traffic.Kind
		airport string
	}
	want := map[movement]bool{}
	counts := map[traffic.Kind]int{}
	for i := range after.Pilots {
		now := &after.Pilots[i]
		plan, err := now.Plan.Parse()
		if err != nil {
			t.Fatal(err)
		}
		for k := range before.Pilots {
			then := &before.Pilots[k]
			if then.CID != now.CID || then.Callsign != now.Callsign || !then.LogonTime.Equal(now.LogonTime) {
				continue
			}
			if then.Groundspeed < 50 && now.Groundspeed > 80 && at(then, plan.Departure) {
				want[movement{now.CID, traffic.Departure, plan.Departure}] = true
				counts[traffic.Departure]++
			}
			if then.Groundspeed > 80 && now.Groundspeed < 50 && at(now, plan.Arrival) {
				want[movement{now.CID, traffic.Arrival, plan.Arrival}] = true
				counts[traffic.Arrival]++
			}
		}
	}
	if counts[traffic.Departure] < 90 || counts[traffic.Arrival] < 30 {
		t.Fatalf("the rows alone show %v", counts)
	}
	tracker := flight.New(flight.Options{World: world(t)})
	tracker.Observe(scene.Scene{Snapshot: before})
	changes := tracker.Observe(scene.Scene{Snapshot: after})
	cids := map[int64]int32{}
	for _, f := range changes.Flights {
		cids[f.ID] = f.CID
	}
	for _, m := range changes.Movements {
		delete(want, movement{cids[m.FlightID], m.Kind, m.Airport})
		if half := 35 * time.Minute; m.Error < half-time.Minute || m.Error > half+time.Minute || m.Confidence > 0.05 {
			t.Errorf("a movement that nobody saw is told for %v ± %v with confidence %v", m.At, m.Error, m.Confidence)
		}
	}
	for m := range want {
		t.Errorf("%+v is not told", m)
	}
}
