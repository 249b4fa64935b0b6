package sector

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/workload"
)

// stateFormat changes whenever a saved state can no longer be read, or would
// mean something else.
const stateFormat = 1

// state is a whole tracker, in an order of its own.
type state struct {
	Format  int
	At      time.Time
	Version int32
	Quarter time.Time
	Ticks   int16
	Areas   []areaState
	Planes  []planeState
}

type areaState struct {
	ID       string
	Entries  workload.Window
	Handoffs workload.Window
	Sum      store.SectorQuarter
}

type planeState struct {
	CID       int32       `json:"c"`
	Callsign  string      `json:"s"`
	Latitude  int32       `json:"y"`
	Longitude int32       `json:"x"`
	Altitude  int32       `json:"a"`
	Speed     int16       `json:"g"`
	Rate      int16       `json:"r"`
	Airborne  bool        `json:"u"`
	In        []int       `json:"i,omitempty"` // numbers in Areas
	Since     []time.Time `json:"t,omitempty"`
}

// Save returns the whole state. Equal trackers save equal bytes.
func (t *Tracker) Save() ([]byte, error) {
	s := state{Format: stateFormat, At: t.at, Version: t.version, Quarter: t.quarter, Ticks: t.ticks}
	for _, a := range t.sectors {
		s.Areas = append(s.Areas, areaState{a.id, a.entries, a.handoffs, a.sum})
	}
	slices.SortFunc(s.Areas, func(a, b areaState) int { return strings.Compare(a.ID, b.ID) })
	numbers := make(map[string]int, len(s.Areas))
	for i := range s.Areas {
		numbers[s.Areas[i].ID] = i
	}
	for key, p := range t.planes {
		row := planeState{CID: key.CID, Callsign: key.Callsign, Latitude: p.lat, Longitude: p.lon, Altitude: p.altitude, Speed: p.speed, Rate: p.rate, Airborne: p.airborne}
		for _, s := range p.stays {
			row.In = append(row.In, numbers[s.in.id])
			row.Since = append(row.Since, s.since)
		}
		s.Planes = append(s.Planes, row)
	}
	slices.SortFunc(s.Planes, func(a, b planeState) int {
		return cmp.Or(cmp.Compare(a.CID, b.CID), strings.Compare(a.Callsign, b.Callsign))
	})
	saved, err := json.Marshal(s)
	if err != nil {
		return nil, fault.E("sector.Save", fault.Internal, "encode", err)
	}
	return saved, nil
}

// Load brings a tracker that has seen nothing to a saved state. What is none, or
// of another format, is a fault.Internal "state"; the tracker must be thrown
// away then.
func (t *Tracker) Load(saved []byte) error {
	const op = "sector.Load"
	var s state
	if err := json.Unmarshal(saved, &s); err != nil {
		return fault.E(op, fault.Internal, "state", err)
	}
	if s.Format != stateFormat {
		return fault.E(op, fault.Internal, "state_format", nil)
	}
	t.at, t.version, t.quarter, t.ticks = s.At, s.Version, s.Quarter, s.Ticks
	for _, row := range s.Areas {
		t.sectors[row.ID] = &area{id: row.ID, entries: row.Entries, handoffs: row.Handoffs, sum: row.Sum}
	}
	for _, row := range s.Planes {
		p := &aircraft{lat: row.Latitude, lon: row.Longitude, altitude: row.Altitude, speed: row.Speed, rate: row.Rate, airborne: row.Airborne}
		for i, number := range row.In {
			if number < 0 || number >= len(s.Areas) || i >= len(row.Since) {
				return fault.E(op, fault.Internal, "state", nil)
			}
			a := t.sectors[s.Areas[number].ID]
			a.occupancy++
			p.stays = append(p.stays, stay{a, row.Since[i]})
		}
		t.planes[member{row.CID, row.Callsign}] = p
	}
	return nil
}
