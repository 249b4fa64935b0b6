package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// coverageSpan is what one request may ask of coverage: 12 weeks when nothing
// says how long, a year at most.
func coverageSpan() spanRule {
	return spanRule{usual: 84 * 24 * time.Hour, longest: 366 * 24 * time.Hour}
}

type coverageInput struct {
	ListParams
	SpanParams
	ID       string `path:"airport_or_fir" maxLength:"20" doc:"an airport's ICAO or IATA code, or the id of an FIR, sector or upper region"`
	Position string `query:"position" maxLength:"20" doc:"of its own positions this one alone, such as EGLL_TWR"`
}

// CoverageRow is one hour of the week.
type CoverageRow struct {
	HourOfWeek int      `json:"hour_of_week" doc:"0 is Monday 00:00 to 01:00 UTC, 167 Sunday 23:00 to 24:00"`
	Weekday    string   `json:"weekday" enum:"Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday"`
	Hour       int      `json:"hour" doc:"UTC"`
	ObservedH  float64  `json:"observed_h" doc:"hours of it that the recorder saw, over all weeks of the span"`
	Staffed    *float64 `json:"staffed" doc:"share of these in which a position of its own was staffed; null when none was seen"`
	Covered    *float64 `json:"covered" doc:"share in which one of its own was, or one above that covers it"`
	Likelihood *float64 `json:"likelihood" doc:"probability that a position of its own is online then; null when nothing was seen at all"`
}

// PositionCoverage sums up one position over the span.
type PositionCoverage struct {
	Position string  `json:"position"`
	Facility string  `json:"facility" enum:"FSS,DEL,GND,TWR,APP,CTR"`
	How      string  `json:"how" enum:"own,above" doc:"a position of its own, or one above that covers it when its own are closed"`
	StaffedH float64 `json:"staffed_h" doc:"hours"`
	Share    float64 `json:"share" doc:"of the observed time"`
}

// OnNow is a controller who covers the place now.
type OnNow struct {
	Callsign string    `json:"callsign"`
	CID      int       `json:"cid" doc:"the member's number"`
	Facility string    `json:"facility" enum:"FSS,DEL,GND,TWR,APP,CTR"`
	How      string    `json:"how" enum:"own,above"`
	Since    time.Time `json:"since"`
}

// CoverageKeys are the keys beside the hours.
type CoverageKeys struct {
	ID        string             `json:"id" doc:"ICAO code, or the area's id"`
	Kind      string             `json:"kind" enum:"airport,area"`
	From      time.Time          `json:"from" doc:"whole hours of the span"`
	To        time.Time          `json:"to"`
	ObservedH float64            `json:"observed_h" doc:"hours that the recorder saw"`
	Staffed   *float64           `json:"staffed" doc:"share of the observed time; null when nothing was seen"`
	Covered   *float64           `json:"covered"`
	Positions []PositionCoverage `json:"positions" doc:"its own first, most staffed first"`
	Now       []OnNow            `json:"now" doc:"who is responsible at the newest analysed snapshot: its own positions, else those above"`
}

func (s *service) coverage() {
	list(s, Operation{
		Path: "/api/atc/coverage/{airport_or_fir}", Summary: "Share of time staffed by hour of the week, and how likely somebody is online", Keep: lasting / 4,
		Description: "An airport's own positions are delivery to approach; centres of the FIRs, sectors and upper regions that hold it cover it from above, as do approaches named for these. " +
			"An area's own are its centres. Time that the recorder did not see counts neither as staffed nor as unstaffed. Minutes; hours that are over. " +
			"likelihood = (s + 4 m) / (n + 4): s of n observed hours staffed, shrunk toward m, the same for this hour on all days, which is shrunk toward all hours.",
		Example: "/api/atc/coverage/EGLL?fields=weekday,hour,staffed,covered,likelihood&limit=3",
	}, List[CoverageRow]{ID: "hour_of_week", Keys: CoverageKeys{}}, s.coverageRows)
}

// covered is whose coverage is asked for.
type covered struct {
	query store.CoverageQuery
	id    string
	kind  string
}

func (s *service) coverageRows(ctx context.Context, input *coverageInput) (Rows[CoverageRow], error) {
	span, err := s.span(ctx, &input.SpanParams, coverageSpan())
	if err != nil {
		return Rows[CoverageRow]{}, err
	}
	of, err := s.covered(ctx, input.ID)
	if err != nil {
		return Rows[CoverageRow]{}, err
	}
	of.query.From, of.query.To, of.query.Position = span.from.Truncate(time.Hour), span.to.Truncate(time.Hour), capitals(input.Position)
	hours, positions, err := s.Controllers.Coverage(ctx, of.query)
	if err != nil {
		return Rows[CoverageRow]{}, err
	}
	rows := Rows[CoverageRow]{Attribution: reference.Attribution}
	if rows.AsOf, err = s.Controllers.AnalyzedTo(ctx); err != nil {
		return rows, err
	}
	rows.Snapshot, rows.Stale = rows.AsOf, s.behind(rows.AsOf, span.to)
	keys := CoverageKeys{ID: of.id, Kind: of.kind, From: of.query.From.UTC(), To: of.query.To.UTC(), Positions: []PositionCoverage{}}
	rows.All = weekOf(hours, &keys)
	observed := keys.ObservedH * 60
	for _, p := range positions {
		if observed > 0 && p.Staffed > 0 {
			keys.Positions = append(keys.Positions, PositionCoverage{p.Position, facilityOf(p.Facility), how(p.Own), float64(p.Staffed) / 60, float64(p.Staffed) / observed})
		}
	}
	if keys.Now, err = s.onNow(ctx, of, rows.AsOf); err != nil {
		return rows, err
	}
	rows.Keys = func([]CoverageRow) any { return keys }
	return rows, nil
}

func how(own bool) string {
	if own {
		return "own"
	}
	return "above"
}

// covered finds an airport, else an area.
func (s *service) covered(ctx context.Context, id string) (covered, error) {
	world, err := s.Atlas.World()
	if err != nil {
		return covered{}, err
	}
	airspace, err := s.Atlas.Airspace(ctx)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return covered{}, err
	}
	if airport, known := world.Airport(id); known {
		of := covered{id: airport.ICAO, kind: "airport", query: store.CoverageQuery{Airport: airport.ICAO}}
		if airspace != nil {
			of.query.Over = airspace.Over(airport.Lat, airport.Lon)
		}
		return of, nil
	}
	if airspace == nil {
		return covered{}, err
	}
	fir, known := airspace.FIR(id)
	if !known {
		return covered{}, fault.E("api.covered", fault.NotFound, "unknown_place", nil).WithMessage("There is no airport, FIR, sector or upper region of that name.")
	}
	of := covered{id: fir.ID, kind: "area"}
	if whole, part := airspace.Whole(fir); part {
		of.query.Sectors, of.query.Over = []string{fir.ID}, append([]string{whole.ID}, airspace.Upper(whole.ID)...)
	} else {
		of.query.Whole, of.query.Over = []string{fir.ID}, airspace.Upper(fir.ID)
	}
	return of, nil
}

// weekOf makes the week's rows and sums them up.
func weekOf(hours []store.HourOfWeek, keys *CoverageKeys) []CoverageRow {
	var week [atc.HoursOfWeek]atc.Hour
	rows := make([]CoverageRow, atc.HoursOfWeek)
	var observed, staffed, above int
	for i := range rows {
		rows[i] = CoverageRow{HourOfWeek: i, Weekday: time.Weekday((i/24 + 1) % 7).String(), Hour: i % 24}
	}
	for _, h := range hours {
		row := &rows[h.Hour]
		row.ObservedH = float64(h.Observed) / 60
		row.Staffed, row.Covered = share(h.Staffed, h.Observed), share(h.Covered, h.Observed)
		week[h.Hour] = atc.Hour{Observed: row.ObservedH, Staffed: float64(h.Staffed) / 60}
		observed, staffed, above = observed+h.Observed, staffed+h.Staffed, above+h.Covered
	}
	if likelihood, known := atc.Likelihood(&week); known {
		for i := range rows {
			rows[i].Likelihood = &likelihood[i]
		}
	}
	keys.ObservedH, keys.Staffed, keys.Covered = float64(observed)/60, share(staffed, observed), share(above, observed)
	return rows
}

func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	value := float64(part) / float64(whole)
	return &value
}

// onNow are those responsible at the newest analysed snapshot: its own, and
// where none is there those above, the nearest to the ground first.
func (s *service) onNow(ctx context.Context, of covered, at time.Time) ([]OnNow, error) {
	now := []OnNow{}
	if at.IsZero() {
		return now, nil
	}
	q := of.query
	areas := slices.Concat(q.Whole, q.Sectors, q.Over)
	queries := []store.DutyQuery{}
	if q.Airport != "" {
		queries = append(queries, store.DutyQuery{Airport: q.Airport})
	}
	if len(areas) > 0 {
		queries = append(queries, store.DutyQuery{Areas: areas})
	}
	for _, query := range queries {
		query.From, query.To, query.Open, query.Limit = at, at.Add(time.Second), true, mostDuties
		found, err := s.Controllers.Duties(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range found {
			d := &found[i]
			own, above := of.responsible(d)
			known := slices.ContainsFunc(now, func(n OnNow) bool { return n.Callsign == d.Callsign && n.CID == int(d.CID) })
			if (own || above) && !known && d.Away.IsZero() && len(d.Tuned) > 0 {
				now = append(now, OnNow{d.Callsign, int(d.CID), facilityOf(d.Facility), how(own), d.Began.UTC()})
			}
		}
	}
	if slices.ContainsFunc(now, func(n OnNow) bool { return n.How == "own" }) {
		now = slices.DeleteFunc(now, func(n OnNow) bool { return n.How != "own" })
	}
	slices.SortFunc(now, func(a, b OnNow) int {
		return cmp.Or(cmp.Compare(rankOf(a.Facility), rankOf(b.Facility)), cmp.Compare(a.Callsign, b.Callsign), cmp.Compare(a.CID, b.CID))
	})
	return now, nil
}

// rankOf puts facilities from the ground up.
func rankOf(facility string) int {
	return slices.Index([]string{"DEL", "GND", "TWR", "APP", "CTR", "FSS"}, facility)
}

// responsible says whether a duty is one of the place's own, or above it; the
// same as store.Coverage counts.
func (c covered) responsible(d *store.Duty) (own, above bool) {
	q := &c.query
	if q.Airport != "" && d.Airport == q.Airport {
		own = d.Facility >= 2 && d.Facility <= 5
		return own && (q.Position == "" || atc.Position(d.Callsign) == q.Position), true
	}
	if d.Airport != "" {
		return false, false
	}
	area := slices.Contains(q.Whole, d.FIR) || slices.Contains(q.Sectors, d.Sector) && d.Sector != ""
	own = area && (d.Facility == 1 || d.Facility == 6) && (q.Position == "" || atc.Position(d.Callsign) == q.Position)
	above = area || d.Sector != "" && slices.Contains(q.Over, d.Sector) || d.Sector == "" && slices.Contains(q.Over, d.FIR)
	return own, above
}
