package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

func networkSpan() spanRule { return spanRule{usual: aDay, longest: 92 * aDay} }

// NetworkRow is the network over a step of time. Figures of connections are
// means of its snapshots, beside their peaks.
type NetworkRow struct {
	Time            time.Time `json:"time" doc:"beginning of the step"`
	Snapshots       *int      `json:"snapshots" doc:"in the step; null with region, as all figures of connections"`
	Pilots          *float64  `json:"pilots"`
	PilotsPeak      *int      `json:"pilots_peak"`
	Airborne        *float64  `json:"airborne" doc:"of the pilots, those in the air"`
	AirbornePeak    *int      `json:"airborne_peak"`
	Controllers     *float64  `json:"controllers" doc:"who control; no observers"`
	ControllersPeak *int      `json:"controllers_peak"`
	Observers       *float64  `json:"observers"`
	ATIS            *float64  `json:"atis"`
	Prefiles        *float64  `json:"prefiles"`
	Arrivals        *int      `json:"arrivals" doc:"null where steps are shorter than a quarter of an hour"`
	Departures      *int      `json:"departures"`
}

// Peak is the greatest figure of a span.
type Peak struct {
	Value int       `json:"value"`
	Time  time.Time `json:"time" doc:"beginning of the step that it was in"`
}

// NetworkKeys are the keys beside the network's steps.
type NetworkKeys struct {
	From            time.Time `json:"from"`
	To              time.Time `json:"to"`
	IntervalS       int       `json:"interval_s" doc:"length of a step, in seconds"`
	Region          *string   `json:"region"`
	PilotsPeak      *Peak     `json:"pilots_peak_of_span"`
	AirbornePeak    *Peak     `json:"airborne_peak_of_span"`
	ControllersPeak *Peak     `json:"controllers_peak_of_span"`
	TotalMovements  *int      `json:"total_movements" doc:"arrivals and departures; null where rows have none"`
}

type networkHistoryInput struct {
	ListParams
	SpanParams
	LayoutParams
	Interval string `query:"interval" enum:"15s,5m,15m,1h,6h,1d" doc:"length of a step; one that makes 300 steps or less when not given"`
	Region   string `query:"region" maxLength:"100" doc:"a region's name or an FIR's id: the movements there"`
}

func (i *networkHistoryInput) step(span time.Duration) time.Duration {
	if i.Interval == "15s" || i.Interval == "" && span <= usualSteps*tick {
		return tick
	}
	return (&trendsInput{Interval: i.Interval}).step(span)
}

func (s *service) networkHistory() {
	list(s, Operation{
		Path: "/api/network/history", Summary: "How many were connected, and how much moved, over time",
		Description: "interval=15s has every snapshot. Steps without any snapshot or movement have no row. With region the rows have the movements at its airports alone.",
		Example:     "/api/network/history?hours=24&interval=1h&fields=time,pilots,pilots_peak,controllers,arrivals,departures",
	}, List[NetworkRow]{ID: "time", Keys: NetworkKeys{}, Timestamp: true}, s.networkSteps)
}

func (s *service) networkSteps(ctx context.Context, input *networkHistoryInput) (Rows[NetworkRow], error) {
	found := Rows[NetworkRow]{All: []NetworkRow{}}
	span, err := s.span(ctx, &input.SpanParams, networkSpan())
	if err != nil {
		return found, err
	}
	var area Area
	if input.Region != "" {
		if area, err = s.area(ctx, "region", input.Region, Places.Region); err != nil {
			return found, err
		}
	}
	step := input.step(span.to.Sub(span.from))
	if area != nil {
		step = max(step, quarter)
	}
	from := span.from.Truncate(step)
	analyzed, err := s.Traffic.AnalyzedTo(ctx)
	if err != nil {
		return found, err
	}
	keys := NetworkKeys{From: from, To: span.to, IntervalS: int(step / time.Second), Region: textOrNull(input.Region)}
	if area == nil {
		steps, err := s.Traffic.NetworkHistory(ctx, from, span.to, step)
		if err != nil {
			return found, err
		}
		for i := range steps {
			found.All = append(found.All, networkRow(&steps[i]))
			at := steps[i].At.UTC()
			keys.PilotsPeak = higher(keys.PilotsPeak, steps[i].MostPilots, at)
			keys.AirbornePeak = higher(keys.AirbornePeak, steps[i].MostAirborne, at)
			keys.ControllersPeak = higher(keys.ControllersPeak, steps[i].MostControllers, at)
		}
	}
	if step >= quarter {
		moved, err := s.movedIn(ctx, area, from, span.to, step)
		if err != nil {
			return found, err
		}
		total := 0
		found.All = withMovements(found.All, moved, area != nil)
		for _, m := range moved {
			total += m.Arrivals + m.Departures
		}
		keys.TotalMovements = &total
	}
	found.Keys = func([]NetworkRow) any { return keys }
	return asAnalyzed(s, found, analyzed, span.to), nil
}

// movedIn adds up the movements by steps, of an area's airports where there is one.
func (s *service) movedIn(ctx context.Context, area Area, from, to time.Time, step time.Duration) ([]store.MovementStep, error) {
	var airports []string
	if area != nil {
		active, err := s.Traffic.ActiveAirports(ctx, from, to)
		if err != nil {
			return nil, err
		}
		airports = []string{}
		for _, airport := range active {
			if area.Airport(airport) {
				airports = append(airports, airport)
			}
		}
	}
	return s.Traffic.MovementHistory(ctx, airports, from, to, step)
}

func networkRow(n *store.NetworkStep) NetworkRow {
	one := func(value float64) *float64 { return tenth(value) }
	return NetworkRow{
		Time: n.At.UTC(), Snapshots: &n.Snapshots, Pilots: one(n.Pilots), PilotsPeak: &n.MostPilots, Airborne: one(n.Airborne), AirbornePeak: &n.MostAirborne,
		Controllers: one(n.Controllers), ControllersPeak: &n.MostControllers, Observers: one(n.Observers), ATIS: one(n.ATIS), Prefiles: one(n.Prefiles),
	}
}

func higher(peak *Peak, value int, at time.Time) *Peak {
	if peak == nil || value > peak.Value {
		return &Peak{value, at}
	}
	return peak
}

// withMovements writes the movements into the rows of their steps; alone they
// make the rows.
func withMovements(rows []NetworkRow, moved []store.MovementStep, alone bool) []NetworkRow {
	byTime := map[time.Time]store.MovementStep{}
	for i := range moved {
		byTime[moved[i].At.UTC()] = moved[i]
		if alone {
			rows = append(rows, NetworkRow{Time: moved[i].At.UTC()})
		}
	}
	for i := range rows {
		m := byTime[rows[i].Time]
		rows[i].Arrivals, rows[i].Departures = &m.Arrivals, &m.Departures
	}
	return rows
}
