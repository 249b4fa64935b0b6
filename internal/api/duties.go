package api

import (
	"context"
	"strconv"
	"time"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/store"
)

// Controllers keeps what analysis found of controllers; *store.Store is one.
type Controllers interface {
	Watermark
	Duties(ctx context.Context, query store.DutyQuery) ([]store.Duty, error)
	Contacts(ctx context.Context, query store.ContactQuery) ([]store.ContactRow, error)
	Coverage(ctx context.Context, query store.CoverageQuery) ([]store.HourOfWeek, []store.PositionStaffing, error)
}

// dutySpan is what one request may ask of duties: a month is some 20,000.
func dutySpan() spanRule { return spanRule{usual: 24 * time.Hour, longest: 31 * 24 * time.Hour} }

// mostDuties bounds what is read of the database for one answer.
const mostDuties = 100_000

type dutiesInput struct {
	ListParams
	SpanParams
	PlaceParams
	CID      int64  `query:"cid" minimum:"0" maximum:"2147483647" doc:"the member's number"`
	Position string `query:"position" maxLength:"20" doc:"callsign, with or without the part that says which half: EGLL_TWR takes EGLL_N_TWR as well"`
	Airport  string `query:"airport" maxLength:"4" doc:"ICAO code of the airport that the callsign belongs to"`
	Online   bool   `query:"online" doc:"those alone that go on"`
}

// TunedRow is a frequency from a moment on.
type TunedRow struct {
	Since     time.Time `json:"since"`
	Frequency string    `json:"frequency" doc:"MHz with three decimals"`
}

// DutyRow is one member's time at one position.
type DutyRow struct {
	ID           string     `json:"id" doc:"the same in every rebuild"`
	CID          int        `json:"cid" doc:"the member's number"`
	Callsign     string     `json:"callsign"`
	Position     string     `json:"position" doc:"the callsign without the part that says which half: EGLL_TWR of EGLL_N_TWR"`
	Facility     string     `json:"facility" enum:"FSS,DEL,GND,TWR,APP,CTR"`
	Rating       int        `json:"rating" doc:"of the newest connection, see /api/vatsim/ratings"`
	Airport      *string    `json:"airport" doc:"ICAO code that the callsign belongs to; null for centres and the like"`
	FIR          *string    `json:"fir" doc:"FIR or upper region; null when not known"`
	Sector       *string    `json:"sector" doc:"the part of the FIR that the callsign has; null for all of it"`
	Began        time.Time  `json:"began" doc:"first snapshot"`
	Ended        *time.Time `json:"ended" doc:"last snapshot; null while it goes on"`
	Away         *time.Time `json:"away" doc:"last snapshot, while the member is gone and may come back; null else"`
	DurationS    float64    `json:"duration_s" doc:"from began to ended, or to the newest analysed snapshot"`
	Logons       int        `json:"logons" doc:"connections that it is made of"`
	Frequency    *string    `json:"frequency" doc:"the last one, MHz with three decimals; null when none was set"`
	Frequencies  []TunedRow `json:"frequencies" doc:"all of them, by time"`
	Lat          *float64   `json:"lat" doc:"degrees, north positive; null when not known"`
	Lon          *float64   `json:"lon" doc:"degrees, east positive"`
	Place        *string    `json:"place" enum:"radios,airport,fir" doc:"how the place is known: where its radios stand, its airport, where a map writes the FIR's name"`
	Aircraft     *int       `json:"aircraft" doc:"contacts it had; null while it goes on, and where no radios were known"`
	PeakAircraft *int       `json:"peak_aircraft" doc:"most at once; null likewise"`
	PeakWorkload *int       `json:"peak_workload" doc:"highest workload index, 0 to 100; null likewise"`
}

func (s *service) duties() {
	list(s, Operation{
		Path: "/api/controllers/sessions", Summary: "Who staffed what, and when",
		Description: "One row per member and position: connections are merged across absences of at most five minutes. " +
			"Rows are those that were on at some time of the span. Observers and supervisors hold no position.",
		Example: "/api/controllers/sessions?hours=24&fields=callsign,facility,airport,began,ended,duration_s,logons&limit=3",
	}, List[DutyRow]{ID: "id", Codes: func(row *DutyRow) []string { return codesOf(row.Airport, row.FIR) }}, s.dutyRows)
}

// codesOf are those of an airport, else of an FIR.
func codesOf(airport, fir *string) []string {
	for _, code := range []*string{airport, fir} {
		if code != nil {
			return []string{*code}
		}
	}
	return nil
}

func (s *service) dutyRows(ctx context.Context, input *dutiesInput) (Rows[DutyRow], error) {
	span, err := s.span(ctx, &input.SpanParams, dutySpan())
	if err != nil {
		return Rows[DutyRow]{}, err
	}
	analyzed, err := s.Controllers.AnalyzedTo(ctx)
	if err != nil {
		return Rows[DutyRow]{}, err
	}
	found, err := s.Controllers.Duties(ctx, store.DutyQuery{
		From: span.from, To: span.to, CID: int32(input.CID), Position: capitals(input.Position), Airport: capitals(input.Airport),
		Open: input.Online, Limit: mostDuties,
	})
	if err != nil {
		return Rows[DutyRow]{}, err
	}
	rows := Rows[DutyRow]{AsOf: analyzed, Snapshot: analyzed, Stale: s.behind(analyzed, span.to)}
	for i := range found {
		rows.All = append(rows.All, dutyRow(&found[i], analyzed))
	}
	return rows, nil
}

func dutyRow(d *store.Duty, analyzed time.Time) DutyRow {
	row := DutyRow{
		ID: strconv.FormatInt(d.ID, 10), CID: int(d.CID), Callsign: d.Callsign, Position: atc.Position(d.Callsign), Facility: facilityOf(d.Facility),
		Rating: int(d.Rating), Airport: textOrNull(d.Airport), FIR: textOrNull(d.FIR), Sector: textOrNull(d.Sector),
		Began: d.Began.UTC(), Ended: utc(d.Ended), Away: utc(d.Away), Logons: int(d.Logons), Frequencies: []TunedRow{},
	}
	until := d.Ended
	if until.IsZero() {
		until = analyzed
	}
	row.DurationS = max(0, until.Sub(d.Began).Seconds())
	for _, tuned := range d.Tuned {
		row.Frequencies = append(row.Frequencies, TunedRow{tuned.Since.UTC(), megahertz(tuned.Frequency)})
		row.Frequency = &row.Frequencies[len(row.Frequencies)-1].Frequency
	}
	if place := [...]string{"", "radios", "airport", "fir"}[d.Site.Source]; place != "" {
		lat, lon := float64(d.Site.Latitude)/1e5, float64(d.Site.Longitude)/1e5
		row.Place, row.Lat, row.Lon = &place, &lat, &lon
	}
	if handled := d.Handled; handled != nil {
		aircraft, peak, busy := int(handled.Aircraft), int(handled.PeakAircraft), int(handled.PeakWorkload)
		row.Aircraft, row.PeakAircraft, row.PeakWorkload = &aircraft, &peak, &busy
	}
	return row
}

func facilityOf(facility int16) string {
	return [...]string{"OBS", "FSS", "DEL", "GND", "TWR", "APP", "CTR"}[facility]
}

// megahertz is a frequency as the feed writes it.
func megahertz(kHz int32) string { return strconv.FormatFloat(float64(kHz)/1000, 'f', 3, 64) }
