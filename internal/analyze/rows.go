package analyze

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/traffic"
)

// trafficOf makes rows of what the flights' tracker says.
func trafficOf(changes flight.Changes, at time.Time) store.Traffic {
	var t store.Traffic
	byID := make(map[int64]*flight.Flight, len(changes.Flights))
	for i := range changes.Flights {
		f := &changes.Flights[i]
		byID[f.ID] = f
		t = appendFlight(t, f)
	}
	for i := range changes.Movements {
		moved := &changes.Movements[i]
		t.Movements = append(t.Movements, movementRow(moved, byID[moved.FlightID]))
	}
	return t
}

func appendFlight(t store.Traffic, f *flight.Flight) store.Traffic {
	t.Flights = append(t.Flights, flightRow(f))
	for _, leg := range f.Legs {
		t.Legs = append(t.Legs, store.FlightLeg{FlightID: f.ID, Began: leg.From, Ended: leg.To, SessionID: leg.SessionID})
	}
	for _, gap := range f.Gaps {
		t.Gaps = append(t.Gaps, store.FlightGap{
			FlightID: f.ID, Began: gap.From, Ended: gap.To,
			DistanceNM: float32(gap.DistanceNM), Airborne: gap.Airborne, Teleport: gap.Teleport,
		})
	}
	// A taxi or block time may just have become known.
	if !f.Takeoff.IsZero() && f.Departure != "" && f.Landing.IsZero() {
		t.Recount = append(t.Recount, store.AirportQuarter{Airport: f.Departure, Quarter: store.QuarterOf(f.Takeoff)})
	}
	if !f.Landing.IsZero() && f.Arrival != "" {
		t.Recount = append(t.Recount, store.AirportQuarter{Airport: f.Arrival, Quarter: store.QuarterOf(f.Landing)})
	}
	return t
}

func flightRow(f *flight.Flight) store.Flight {
	return store.Flight{
		ID: f.ID, CID: f.CID, Callsign: f.Callsign, Began: f.Began, Ended: f.Ended,
		Phase: int16(f.Phase), Ending: int16(f.Ending),
		FiledDeparture: f.Filed.Departure, FiledArrival: f.Filed.Arrival, Alternate: f.Filed.Alternate,
		Aircraft: f.Filed.Aircraft, Rules: f.Filed.Rules, Deptime: f.Filed.Deptime, Route: f.Filed.Route,
		Scheduled: scheduled(f), Departure: f.Departure, Arrival: f.Arrival,
		OffBlock: f.OffBlock, Takeoff: f.Takeoff, Landing: f.Landing, OnBlock: f.OnBlock,
		DistanceNM: float32(f.DistanceNM), DirectNM: float32(f.DirectNM), Teleports: int32(f.Teleports),
	}
}

// farthestSchedule bounds what is taken for the filed time of a departure: a
// plan filed yesterday, or never changed since, says nothing of a delay.
const farthestSchedule = 3 * time.Hour

// scheduled is the filed departure time as a moment: of the days around it the
// one nearest to the first move, or to the take-off where that was not seen.
// Zero when the flight has not moved, the time is not hhmm, or it is more than
// three hours away.
func scheduled(f *flight.Flight) time.Time {
	moved := f.OffBlock
	if moved.IsZero() {
		moved = f.Takeoff
	}
	if moved.IsZero() || len(f.Filed.Deptime) != 4 {
		return time.Time{}
	}
	hhmm, err := strconv.ParseUint(f.Filed.Deptime, 10, 16)
	if err != nil || hhmm/100 > 23 || hhmm%100 > 59 {
		return time.Time{}
	}
	const day = 24 * time.Hour
	filed := moved.UTC().Truncate(day).Add(time.Duration(hhmm/100)*time.Hour + time.Duration(hhmm%100)*time.Minute)
	for _, candidate := range []time.Time{filed, filed.Add(-day), filed.Add(day)} {
		if candidate.Sub(moved).Abs() <= farthestSchedule {
			return candidate
		}
	}
	return time.Time{}
}

func movementRow(m *flight.Moved, f *flight.Flight) store.Movement {
	row := store.Movement{
		FlightID: m.FlightID, At: m.At, Kind: int16(m.Kind), Airport: m.Airport, Runway: m.Runway, Planned: m.Planned,
		ErrorS: float32(m.Error.Seconds()), Confidence: float32(m.Confidence), Evidence: evidenceOf(m),
	}
	if nearest := nearestSample(m); nearest != nil {
		row.Altitude, row.Groundspeed = nearest.Altitude, nearest.Groundspeed
	}
	if f != nil {
		row.Callsign, row.Aircraft = f.Callsign, f.Filed.Aircraft
		row.Origin, row.Destination = f.Departure, f.Filed.Arrival
	}
	return row
}

// nearestSample is the report that is nearest in time to the movement; nil when
// there is none.
func nearestSample(m *flight.Moved) *traffic.Sample {
	var nearest *traffic.Sample
	for i := range m.Evidence {
		sample := &m.Evidence[i]
		if nearest == nil || sample.At.Sub(m.At).Abs() < nearest.At.Sub(m.At).Abs() {
			nearest = sample
		}
	}
	return nearest
}

// evidenceOf writes the samples as the table movements has them.
func evidenceOf(m *flight.Moved) []byte {
	rows := make([][6]float64, len(m.Evidence))
	for i, s := range m.Evidence {
		rows[i] = [6]float64{
			s.At.Sub(m.At).Seconds(), float64(s.Latitude), float64(s.Longitude),
			float64(s.Altitude), float64(s.Groundspeed), float64(s.Heading),
		}
	}
	encoded, err := json.Marshal(rows)
	if err != nil {
		return []byte("[]") // finite numbers always encode
	}
	return encoded
}
