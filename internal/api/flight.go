package api

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/flight"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/traffic"
)

// FlightRow is a flight.
type FlightRow struct {
	ID             string     `json:"id" doc:"the flight's, the same in every rebuild"`
	CID            int        `json:"cid" doc:"the pilot's VATSIM id"`
	Callsign       string     `json:"callsign" doc:"of its newest connection"`
	Airline        *string    `json:"airline" doc:"ICAO designator, of callsigns such as BAW123"`
	AircraftType   *string    `json:"aircraft_type" doc:"ICAO type as filed"`
	Departure      *string    `json:"departure" doc:"airport it took off from or stands at, by its position; null while not known"`
	Arrival        *string    `json:"arrival" doc:"airport it landed at, by its position; null when it did not, or not known"`
	FiledDeparture *string    `json:"filed_departure" doc:"of the plan in force, or the last that was"`
	FiledArrival   *string    `json:"filed_arrival"`
	FiledAlternate *string    `json:"filed_alternate"`
	FlightRules    *string    `json:"flight_rules" doc:"I or V as filed"`
	Phase          string     `json:"phase" enum:"preflight,taxi_out,departed,climb,cruise,descent,approach,landed,taxi_in,arrived,lost"`
	Ending         string     `json:"ending" doc:"open while it goes on" enum:"open,complete,probably_landed,lost,never_left"`
	Began          time.Time  `json:"began" doc:"first snapshot"`
	Ended          *time.Time `json:"ended" doc:"last snapshot; null while it is open"`
	Scheduled      *time.Time `json:"scheduled" doc:"filed departure time as a moment; null when it is not within three hours of the first move"`
	OffBlock       *time.Time `json:"off_block" doc:"began to move; null when that was not seen, as the next three"`
	Takeoff        *time.Time `json:"takeoff"`
	Landing        *time.Time `json:"landing"`
	OnBlock        *time.Time `json:"on_block" doc:"came to stand after the landing"`
	BlockS         *int       `json:"block_s" doc:"seconds from off_block to on_block"`
	AirborneS      *int       `json:"airborne_s" doc:"seconds from takeoff to landing"`
	TaxiOutS       *int       `json:"taxi_out_s"`
	TaxiInS        *int       `json:"taxi_in_s"`
	DelayS         *int       `json:"delay_s" doc:"seconds from scheduled to off_block, or to takeoff where that was not seen; negative when early"`
	DistanceNM     *float64   `json:"distance_nm" doc:"flown, gaps as great circles"`
	DirectNM       *float64   `json:"direct_nm" doc:"great circle from take-off, or where it appeared, to landing, or where it was last seen"`
	Teleports      int        `json:"teleports" doc:"jumps that no aircraft can make"`
	Route          *string    `json:"route" doc:"as filed"`
}

// LegRow is a part of a flight under one connection.
type LegRow struct {
	ConnectionID string    `json:"connection_id" doc:"id of the row of /api/flights while it was connected"`
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
}

// GapRow is a part of a flight that nobody saw.
type GapRow struct {
	From       time.Time `json:"from" doc:"last snapshot before it"`
	To         time.Time `json:"to" doc:"first snapshot after it"`
	Seconds    int       `json:"seconds"`
	DistanceNM float64   `json:"distance_nm" doc:"great circle between the two positions"`
	Airborne   bool      `json:"airborne" doc:"whether it flew before it"`
	Teleport   bool      `json:"teleport" doc:"no aircraft covers the distance in the time"`
}

// PhaseRow is when a phase began, as far as that was seen.
type PhaseRow struct {
	Phase string    `json:"phase" enum:"preflight,taxi_out,departed,landed,arrived"`
	From  time.Time `json:"from"`
}

// FiledFlown holds what was filed against what was flown.
type FiledFlown struct {
	DepartureAsFiled *bool    `json:"departure_as_filed" doc:"null while either is not known"`
	ArrivalAsFiled   *bool    `json:"arrival_as_filed" doc:"null until it landed, or where either is not known"`
	Diverted         bool     `json:"diverted" doc:"landed elsewhere than the plan in force in flight said"`
	FiledDirectNM    *float64 `json:"filed_direct_nm" doc:"great circle between the filed airports"`
	Detour           *float64 `json:"detour" doc:"distance flown over great circle; 1 is the straight way"`
}

// FlightDetail is one flight with everything that is known of it.
type FlightDetail struct {
	FlightRow
	EndingText string        `json:"ending_text" doc:"the ending in a sentence"`
	Phases     []PhaseRow    `json:"phases" doc:"the moments that were seen, by time"`
	Filed      FiledFlown    `json:"filed" doc:"filed against flown"`
	Legs       []LegRow      `json:"legs" doc:"one for each connection, by time"`
	Gaps       []GapRow      `json:"gaps" doc:"by time"`
	Movements  []MovementRow `json:"movements" doc:"with the samples that prove them, by time"`
	Data       []FlightRow   `json:"data" doc:"the flight as one flat row"`
	Meta       Meta          `json:"meta"`
}

// stamp says how old the answer is.
func (d *FlightDetail) stamp(now time.Time) {
	if d.Meta.AsOf != nil {
		d.Meta.AgeS = seconds(now.Sub(*d.Meta.AsOf))
	}
}

type flightInput struct {
	Conditional
	ID string `path:"id" pattern:"^[0-9]{1,19}$" doc:"a flight's id, or that of a connection as in /api/flights: its newest flight"`
}

// storyOf registers /api/flights/{id}.
func (s *service) storyOf() {
	object(s, Operation{
		Path: "/api/flights/{id}", Summary: "One flight from plan to landing, across reconnects",
		Description: "What the analysis knows of it, once a minute. Gaps are told as such. A flight that went in the air is lost, and probably landed where it was on descent within 2 NM and 1,000 ft of its filed destination.",
		Example:     "/api/flights/1",
	}, s.flightDetail)
}

func (s *service) flightDetail(ctx context.Context, input *flightInput) (*FlightDetail, error) {
	id, err := flightID(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	analyzed, err := s.History.AnalyzedTo(ctx)
	if err != nil {
		return nil, err
	}
	story, err := s.History.FlightStory(ctx, id)
	if err != nil {
		return nil, err
	}
	detail := &FlightDetail{
		FlightRow: flightRow(&story.Flight), EndingText: endingText(flight.Ending(story.Ending)),
		Phases: phaseRows(&story.Flight), Legs: legRows(&story), Gaps: gapRows(story.Gaps), Movements: []MovementRow{},
	}
	for i := range story.Movements {
		detail.Movements = append(detail.Movements, movementRow(&story.Movements[i]))
	}
	detail.Filed = s.filedFlown(&story)
	detail.Data, detail.Meta = []FlightRow{detail.FlightRow}, s.meta(1)
	detail.Meta.AsOf, detail.Meta.Snapshot = utc(analyzed), utc(analyzed)
	detail.Meta.Stale = story.Ending == int16(flight.Open) && s.behind(analyzed, s.Clock())
	return detail, nil
}

func flightID(ctx context.Context, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		wrong := invalid(ctx, "id", text, "is more than any id")
		wrong.Errors[0].Location = "path.id"
		return 0, wrong
	}
	return id, nil
}

func flightRow(f *store.Flight) FlightRow {
	row := FlightRow{
		ID: strconv.FormatInt(f.ID, 10), CID: int(f.CID), Callsign: f.Callsign, Airline: textOrNull(store.AirlineOf(f.Callsign)),
		AircraftType: textOrNull(f.Aircraft), Departure: textOrNull(f.Departure), Arrival: textOrNull(f.Arrival),
		FiledDeparture: textOrNull(f.FiledDeparture), FiledArrival: textOrNull(f.FiledArrival), FiledAlternate: textOrNull(f.Alternate),
		FlightRules: textOrNull(f.Rules), Phase: flight.Phase(f.Phase).Word(), Ending: flight.Ending(f.Ending).Word(),
		Began: f.Began.UTC(), Ended: utc(f.Ended), Scheduled: utc(f.Scheduled),
		OffBlock: utc(f.OffBlock), Takeoff: utc(f.Takeoff), Landing: utc(f.Landing), OnBlock: utc(f.OnBlock),
		BlockS: between(f.OffBlock, f.OnBlock), AirborneS: between(f.Takeoff, f.Landing),
		TaxiOutS: between(f.OffBlock, f.Takeoff), TaxiInS: between(f.Landing, f.OnBlock),
		DistanceNM: known(f.DistanceNM), DirectNM: known(f.DirectNM), Teleports: int(f.Teleports), Route: textOrNull(f.Route),
	}
	moved := f.OffBlock
	if moved.IsZero() {
		moved = f.Takeoff
	}
	row.DelayS = between(f.Scheduled, moved)
	return row
}

// between is whole seconds from one time to another; nil where one is not known.
func between(from, to time.Time) *int {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	whole := int(math.Round(to.Sub(from).Seconds()))
	return &whole
}

// known is a distance to a tenth; nil for a negative one, which is not known.
func known(distance float32) *float64 {
	if distance < 0 {
		return nil
	}
	return tenth(float64(distance))
}

func tenth(value float64) *float64 {
	value = math.Round(value*10) / 10
	return &value
}

func endingText(ending flight.Ending) string {
	switch ending {
	case flight.Complete:
		return "It landed."
	case flight.ProbablyLanded:
		return "It disconnected on descent within 2 NM and 1,000 ft of its filed destination: it probably landed."
	case flight.LostInFlight:
		return "It disconnected in the air and did not come back: it is lost, not landed."
	case flight.NeverLeft:
		return "It disconnected before take-off."
	default:
		return "It goes on, or may."
	}
}

func phaseRows(f *store.Flight) []PhaseRow {
	rows := []PhaseRow{}
	for _, seen := range []struct {
		phase flight.Phase
		at    time.Time
	}{{flight.TaxiOut, f.OffBlock}, {flight.Departed, f.Takeoff}, {flight.Landed, f.Landing}, {flight.Arrived, f.OnBlock}} {
		if seen.at.IsZero() {
			continue
		}
		if len(rows) == 0 && seen.phase == flight.TaxiOut && f.Began.Before(seen.at) {
			rows = append(rows, PhaseRow{flight.Preflight.Word(), f.Began.UTC()})
		}
		rows = append(rows, PhaseRow{seen.phase.Word(), seen.at.UTC()})
	}
	if len(rows) == 0 && flight.Phase(f.Phase) == flight.Preflight {
		rows = append(rows, PhaseRow{flight.Preflight.Word(), f.Began.UTC()})
	}
	return rows
}

func legRows(story *store.FlightStory) []LegRow {
	rows := []LegRow{}
	for _, leg := range story.Legs {
		rows = append(rows, LegRow{ConnectionID: strconv.FormatInt(leg.SessionID, 10), From: leg.Began.UTC(), To: leg.Ended.UTC()})
	}
	return rows
}

func gapRows(gaps []store.FlightGap) []GapRow {
	rows := []GapRow{}
	for _, gap := range gaps {
		rows = append(rows, GapRow{
			From: gap.Began.UTC(), To: gap.Ended.UTC(), Seconds: *between(gap.Began, gap.Ended),
			DistanceNM: *tenth(float64(gap.DistanceNM)), Airborne: gap.Airborne, Teleport: gap.Teleport,
		})
	}
	return rows
}

func (s *service) filedFlown(story *store.FlightStory) FiledFlown {
	f := &story.Flight
	shown := FiledFlown{
		DepartureAsFiled: same(f.FiledDeparture, f.Departure), ArrivalAsFiled: same(f.FiledArrival, f.Arrival),
		FiledDirectNM: s.miles(f.FiledDeparture, f.FiledArrival),
	}
	for i := range story.Movements {
		shown.Diverted = shown.Diverted || traffic.Kind(story.Movements[i].Kind) == traffic.Diversion
	}
	if f.DistanceNM >= 0 && f.DirectNM > 0 {
		detour := math.Round(float64(f.DistanceNM)/float64(f.DirectNM)*1000) / 1000
		shown.Detour = &detour
	}
	return shown
}

func same(filed, flown string) *bool {
	if filed == "" || flown == "" {
		return nil
	}
	equal := filed == flown
	return &equal
}

// MovementRow is one thing that an aircraft did at an airport.
type MovementRow struct {
	ID             string      `json:"id"`
	AirportICAO    *string     `json:"airport_icao" doc:"null where no airport is near"`
	FlightCallsign string      `json:"flight_callsign"`
	MovementType   string      `json:"movement_type" doc:"a diversion stands beside its arrival" enum:"departure,arrival,go_around,touch_and_go,diversion"`
	Timestamp      time.Time   `json:"timestamp" doc:"midpoint of the snapshots that bracket it"`
	Confidence     float64     `json:"confidence" doc:"0 to 1, from sample density, distance, alignment and elevation"`
	Altitude       int         `json:"altitude" doc:"feet above mean sea level at the nearest sample"`
	Speed          int         `json:"speed" doc:"knots over the ground at the nearest sample"`
	Runway         *string     `json:"runway" doc:"such as 27L; null where not known"`
	ErrorS         float64     `json:"error_s" doc:"the truth lies within so many seconds of timestamp"`
	FlightID       string      `json:"flight_id" doc:"see /api/flights/{id}"`
	AircraftType   *string     `json:"aircraft_type" doc:"ICAO type as filed"`
	Airline        *string     `json:"airline" doc:"ICAO designator, of callsigns such as BAW123"`
	Origin         *string     `json:"origin" doc:"airport the flight took off from"`
	Destination    *string     `json:"destination" doc:"filed at that time"`
	PlannedArrival *string     `json:"planned_arrival" doc:"of arrivals and diversions, the destination filed in flight"`
	Evidence       []SampleRow `json:"evidence" doc:"the samples around it"`
}

// SampleRow is one report of an aircraft.
type SampleRow struct {
	Time        time.Time `json:"time"`
	Lat         float64   `json:"lat"`
	Lon         float64   `json:"lon"`
	Altitude    int       `json:"altitude" doc:"feet above mean sea level"`
	Groundspeed int       `json:"groundspeed" doc:"knots"`
	Heading     int       `json:"heading" doc:"degrees"`
}

func movementRow(m *store.Movement) MovementRow {
	return MovementRow{
		ID: movementID(m), AirportICAO: textOrNull(m.Airport), FlightCallsign: m.Callsign,
		MovementType: traffic.Kind(m.Kind).Word(), Timestamp: m.At.UTC(), Confidence: rounded(float64(m.Confidence), 1000),
		Altitude: int(m.Altitude), Speed: int(m.Groundspeed), Runway: textOrNull(m.Runway), ErrorS: rounded(float64(m.ErrorS), 10),
		FlightID: strconv.FormatInt(m.FlightID, 10), AircraftType: textOrNull(m.Aircraft), Airline: textOrNull(store.AirlineOf(m.Callsign)),
		Origin: textOrNull(m.Origin), Destination: textOrNull(m.Destination), PlannedArrival: textOrNull(m.Planned),
		Evidence: sampleRows(m),
	}
}

// movementID is made of what tells movements apart.
func movementID(m *store.Movement) string {
	return strconv.FormatInt(m.FlightID, 10) + "-" + strconv.FormatInt(m.At.UnixMicro(), 36) + "-" + strconv.Itoa(int(m.Kind))
}

func rounded(value, parts float64) float64 { return math.Round(value*parts) / parts }

// sampleRows reads a movement's evidence; see the table for its form.
func sampleRows(m *store.Movement) []SampleRow {
	var samples [][6]float64
	rows := []SampleRow{}
	if json.Unmarshal(m.Evidence, &samples) != nil {
		return rows // not ours: nothing is shown rather than something wrong
	}
	for _, sample := range samples {
		rows = append(rows, SampleRow{
			Time: m.At.Add(time.Duration(sample[0] * float64(time.Second))).Round(time.Microsecond).UTC(), Lat: sample[1] / 1e5, Lon: sample[2] / 1e5,
			Altitude: int(sample[3]), Groundspeed: int(sample[4]), Heading: int(sample[5]),
		})
	}
	return rows
}

// errTooMany refuses an order that the database has no index for, of more rows
// than are sorted in memory.
func errTooMany(sort string, most int) error {
	return fault.E("api.sorted", fault.Invalid, "too_many", nil).
		WithMessage("More than " + itoa(most) + " rows match, which are not sorted by " + quoted(sort) + ": ask for a shorter span or leave sort out.")
}
