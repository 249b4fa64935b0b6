package live

import (
	"context"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// View is the network at one snapshot, as people see it. It is immutable once
// built.
type View struct {
	Source    string    // name of the feed; "live" for the real one
	Snapshot  time.Time // update_timestamp of the snapshot the rows are from
	Received  time.Time // when that snapshot had arrived, by our clock
	Flights   []Flight
	Positions []Position
	Summary   Summary

	motion map[int64]motion     // by session id: what the next view computes vertical speeds from
	plans  map[int64]planFields // by plan hash: what the next view need not parse again
}

// Meta says where a snapshot comes from.
type Meta struct {
	Source   string
	Received time.Time
}

// Flight is one pilot's connection, with the keys of /api/flights. What is not
// known is nil, which JSON shows as null.
type Flight struct {
	ID            string     `json:"id" doc:"the session's id; changes when the pilot reconnects"`
	Callsign      string     `json:"callsign"`
	AircraftType  *string    `json:"aircraft_type" doc:"ICAO type as filed"`
	Departure     *string    `json:"departure" doc:"as filed; usually an ICAO code"`
	Arrival       *string    `json:"arrival" doc:"as filed; usually an ICAO code"`
	Route         *string    `json:"route" doc:"as filed"`
	Altitude      int        `json:"altitude" doc:"feet above mean sea level"`
	Speed         int        `json:"speed" doc:"knots over ground, the same as ground_speed"`
	Heading       int        `json:"heading" doc:"degrees, 0 to 359"`
	GroundSpeed   int        `json:"ground_speed" doc:"knots"`
	VerticalSpeed *int       `json:"vertical_speed" doc:"feet per minute since the snapshot before; null when that one does not know the flight"`
	Squawk        *string    `json:"squawk" doc:"four octal digits"`
	PositionLat   float64    `json:"position_lat" doc:"degrees, north positive"`
	PositionLng   float64    `json:"position_lng" doc:"degrees, east positive"`
	Lat           float64    `json:"lat" doc:"position_lat again, under the name that maps look for"`
	Lon           float64    `json:"lon" doc:"position_lng again, under the name that maps look for"`
	ATCPositionID *string    `json:"atc_position_id" doc:"id of the controller on whose frequency one of the pilot's radios is, within radio range"`
	LastUpdated   *time.Time `json:"last_updated" doc:"when the pilot's client last reported"`
}

// Position is one controller's connection, with the keys of /api/atc-positions.
type Position struct {
	ID                    string           `json:"id" doc:"the session's id; changes when the controller reconnects"`
	Callsign              string           `json:"callsign"`
	Facility              string           `json:"facility" doc:"OBS, FSS, DEL, GND, TWR, APP, CTR, or the number of one that is new"`
	Position              string           `json:"position" doc:"what the callsign's last part says: DEL, GND, TWR, APP, DEP, CTR, …"`
	Status                string           `json:"status" doc:"online on a frequency, or observing" enum:"online,observing"`
	Frequency             *string          `json:"frequency" doc:"MHz with three decimals; null when none is set"`
	ControllerID          int              `json:"controller_id" doc:"the member's number (cid)"`
	ControllerName        *string          `json:"controller_name" doc:"as the feed shows it now; kept nowhere else"`
	ControllerRating      int              `json:"controller_rating" doc:"−1 to 12"`
	ControllerRatingName  string           `json:"controller_rating_name"`
	ControllerRatingLevel string           `json:"controller_rating_level"`
	RatingValidation      RatingValidation `json:"rating_validation"`
	LastSeen              *time.Time       `json:"last_seen" doc:"when the controller's client last reported"`
	Lat                   *float64         `json:"lat" doc:"degrees, north positive: where an antenna on the position's frequency stands; null when none is known"`
	Lon                   *float64         `json:"lon" doc:"degrees, east positive"`
	WorkloadScore         *float64         `json:"workload_score" doc:"how busy, 0 to 100, at the newest analysed snapshot: the workload index of skyledger.controller_load; null for whom it is not known, such as observers"`
}

// RatingValidation says whether a rating is one that VATSIM defines.
type RatingValidation struct {
	IsValid bool    `json:"is_valid"`
	Error   *string `json:"error"`
}

// Summary counts a view's rows.
type Summary struct {
	Flights     int  `json:"flights"`
	Controllers int  `json:"controllers"` // connections, observers included
	Online      int  `json:"online"`      // of those, the ones on a frequency
	Airports    int  `json:"airports"`    // distinct ICAO airports that the flights' plans name
	Sectors     *int `json:"sectors"`     // FIRs and sectors that hold an airborne aircraft; nil when not known
}

// oldestLoads is how far behind a view what was analysed may be: analysis comes
// once a minute, and may have one to catch up.
const oldestLoads = 5 * time.Minute

// Loads gives what analysis knows of the network now; *store.Store has one.
type Loads func(ctx context.Context) (store.Loads, error)

// Weigh adds how busy controllers are and how many sectors hold somebody, as far
// as it is known and not too old. It must be called before the view is shown.
func (v *View) Weigh(loads store.Loads) {
	if loads.At.IsZero() || v.Snapshot.Sub(loads.At) > oldestLoads || loads.At.Sub(v.Snapshot) > oldestLoads {
		return
	}
	v.Summary.Sectors = loads.Sectors
	for i := range v.Positions {
		p := &v.Positions[i]
		if index, known := loads.Workload[store.LoadKey{CID: int32(p.ControllerID), Callsign: p.Callsign}]; known {
			score := float64(index)
			p.WorkloadScore = &score
		}
	}
}

// motion is what a vertical speed is computed from.
type motion struct {
	altitude int32
	at       time.Time
}

// Build makes the view of a snapshot. previous is the view before it, or nil:
// vertical speeds come from it, and plans that did not change are not parsed
// again. stations are the radios of the same moment, or nil.
//
// A suspicious snapshot must not be built into a view: Publisher.Hold keeps the
// last good one instead.
func Build(snapshot *vatsim.Snapshot, previous *View, stations []vatsim.Station, meta Meta) *View {
	view := &View{
		Source: meta.Source, Snapshot: snapshot.UpdateTimestamp.UTC(), Received: meta.Received.UTC(),
		Flights:   make([]Flight, len(snapshot.Pilots)),
		Positions: make([]Position, len(snapshot.Controllers)),
		motion:    make(map[int64]motion, len(snapshot.Pilots)),
		plans:     make(map[int64]planFields, len(snapshot.Pilots)),
	}
	for i := range snapshot.Controllers {
		view.Positions[i] = positionOf(&snapshot.Controllers[i])
		if view.Positions[i].Status == StatusOnline {
			view.Summary.Online++
		}
	}
	radios := newRadios(snapshot.Controllers, view.Positions, stations)
	airports := map[string]bool{}
	for i := range snapshot.Pilots {
		pilot := &snapshot.Pilots[i]
		id := sessionID(vatsim.KindPilot, pilot.CID, pilot.Callsign, pilot.LogonTime)
		flight := &view.Flights[i]
		*flight = flightOf(pilot, id)
		view.plan(flight, pilot.Plan, previous, airports)
		view.motion[id] = motion{altitude: pilot.Altitude, at: pilot.LastUpdated}
		flight.VerticalSpeed = verticalSpeed(view, previous, id)
		flight.ATCPositionID = radios.controllerOf(pilot)
	}
	view.Summary.Flights, view.Summary.Controllers = len(view.Flights), len(view.Positions)
	view.Summary.Airports = len(airports)
	return view
}

func sessionID(kind vatsim.Kind, cid int32, callsign string, logon time.Time) int64 {
	return store.SessionID(store.SessionKey{Kind: kind, CID: cid, Callsign: callsign, Logon: logon})
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// text returns nil for the empty text: a key that nobody filled is unknown.
func text(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func utc(moment time.Time) *time.Time {
	if moment.IsZero() {
		return nil
	}
	moment = moment.UTC()
	return &moment
}
