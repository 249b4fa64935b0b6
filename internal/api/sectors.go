package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// Sectors keeps what analysis found of FIRs and sectors; *store.Store is one.
type Sectors interface {
	SectorsNow(ctx context.Context, at time.Time) ([]store.SectorNow, time.Time, int32, error)
	SectorTicks(ctx context.Context, sector string, from, to time.Time) ([]store.OccupancyRow, error)
	SectorQuarters(ctx context.Context, sector string, from, to time.Time) ([]store.OccupancyRow, error)
}

type sectorsInput struct {
	ListParams
	PlaceParams
	At      string `query:"at" maxLength:"40" doc:"a moment: as of the newest analysed snapshot before it; now when not given. RFC 3339, epoch seconds or milliseconds"`
	Sectors bool   `query:"sectors" default:"true" doc:"whether sectors and terminal areas are wanted beside whole FIRs"`
	Empty   bool   `query:"empty" doc:"whether those are wanted as well that hold nobody and held nobody in the last hour"`
}

// SectorRow is one FIR or sector at a snapshot.
type SectorRow struct {
	ID        string   `json:"id" doc:"such as EGTT; a sector's has a hyphen"`
	Name      *string  `json:"name" doc:"null for one that the FIRs in force do not have"`
	Sector    *bool    `json:"sector" doc:"whether it is a part of an FIR; null likewise"`
	FIR       *string  `json:"fir" doc:"the FIR that it is a part of; null for whole ones"`
	Occupancy int      `json:"occupancy" doc:"airborne aircraft"`
	Workload  int      `json:"workload" doc:"workload index, 0 to 100"`
	EntriesH  int      `json:"entries_h" doc:"aircraft that flew in or took off in the quarters of an hour that ended in the hour before"`
	ExitsH    int      `json:"exits_h" doc:"flew out or landed, likewise"`
	PeakH     int      `json:"peak_h" doc:"most at once, of these and now"`
	Lat       *float64 `json:"lat" doc:"where a map writes its name; null when not known"`
	Lon       *float64 `json:"lon"`
}

type occupancyInput struct {
	ListParams
	SpanParams
	ID   string `path:"id" maxLength:"20" doc:"id of an FIR or sector"`
	Step string `query:"step" enum:"auto,tick,quarter" default:"auto" doc:"every snapshot, or quarters of an hour that are over; auto takes snapshots for up to three hours"`
}

// OccupancyRow is a snapshot or a quarter of an hour of an FIR or sector.
type OccupancyRow struct {
	Time         time.Time `json:"time" doc:"the snapshot, or the quarter's start"`
	Ticks        int       `json:"ticks" doc:"snapshots in it"`
	Occupancy    float64   `json:"occupancy" doc:"airborne aircraft, mean over the snapshots"`
	OccupancyMax int       `json:"occupancy_max" doc:"most at a snapshot"`
	Entries      int       `json:"entries" doc:"flew in, or took off"`
	Exits        int       `json:"exits" doc:"flew out, or landed"`
	StayS        *float64  `json:"stay_s" doc:"mean time in it of those that left, as far as they were seen to come; null of none"`
	Workload     float64   `json:"workload" doc:"workload index, 0 to 100, mean over the snapshots"`
	WorkloadMax  int       `json:"workload_max"`
}

// OccupancyKeys are the keys beside the rows.
type OccupancyKeys struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Step string    `json:"step" enum:"tick,quarter"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (s *service) sectors() {
	list(s, Operation{
		Path: "/api/sectors", Summary: "How full FIRs and sectors are",
		Description: "Airborne aircraft by VAT-Spy's boundaries. An aircraft in a sector is in its FIR as well. Without FIRs nothing is known: 503.",
		Example:     "/api/sectors?sectors=false&sort=-occupancy&fields=id,name,occupancy,workload&limit=3",
	}, List[SectorRow]{ID: "id", Codes: func(row *SectorRow) []string { return []string{row.ID} }}, s.sectorRows)
	list(s, Operation{
		Path: "/api/sectors/{id}/occupancy", Summary: "How full one FIR or sector was",
		Description: "Snapshots at which FIRs were not known, and quarters without any, have no row. An unknown id is 404.",
		Example:     "/api/sectors/EGTT/occupancy?hours=1&fields=time,occupancy,entries,exits,workload&limit=3",
	}, List[OccupancyRow]{ID: "time", Keys: OccupancyKeys{}}, s.occupancyRows)
}

func (s *service) sectorRows(ctx context.Context, input *sectorsInput) (Rows[SectorRow], error) {
	at := s.Clock().UTC()
	if input.At != "" {
		var ok bool
		if at, ok = parseTime(input.At); !ok {
			return Rows[SectorRow]{}, invalid(ctx, "at", input.At, notATime)
		}
	}
	airspace, err := s.Atlas.Airspace(ctx)
	if err != nil {
		return Rows[SectorRow]{}, err
	}
	found, when, version, err := s.Sectors.SectorsNow(ctx, at)
	switch {
	case err != nil:
		return Rows[SectorRow]{}, err
	case version == 0:
		return Rows[SectorRow]{}, fault.E("api.sectors", fault.Unavailable, "no_sectors", nil).
			WithMessage("No snapshot before that moment was analysed with FIRs.")
	}
	rows := Rows[SectorRow]{
		AsOf: when, Snapshot: when, Attribution: reference.Attribution,
		Stale: s.behind(when, at),
	}
	seen := map[string]bool{}
	for i := range found {
		seen[found[i].Sector] = true
		addSector(&rows, airspace, found[i], input.Sectors)
	}
	for _, fir := range airspace.FIRs() {
		if input.Empty && !seen[fir.ID] && fir.Shape != nil {
			addSector(&rows, airspace, store.SectorNow{Sector: fir.ID}, input.Sectors)
		}
	}
	return rows, nil
}

func addSector(rows *Rows[SectorRow], airspace *reference.Airspace, now store.SectorNow, parts bool) {
	row := SectorRow{
		ID: now.Sector, Occupancy: int(now.Occupancy), Workload: int(now.Workload), EntriesH: int(now.Entries), ExitsH: int(now.Exits), PeakH: int(now.Peak),
	}
	if fir, known := airspace.FIR(now.Sector); known {
		row.Name, row.Sector = &fir.Name, &fir.Sector
		if whole, part := airspace.Whole(fir); part {
			row.FIR = &whole.ID
		}
		if fir.Label != nil {
			row.Lat, row.Lon = &fir.Label[1], &fir.Label[0]
		}
	}
	if !parts && (row.Sector == nil || *row.Sector) {
		return
	}
	rows.All = append(rows.All, row)
}

// occupancyBySnapshot is up to which span auto shows every snapshot: 720 rows.
const occupancyBySnapshot = 3 * time.Hour

func (s *service) occupancyRows(ctx context.Context, input *occupancyInput) (Rows[OccupancyRow], error) {
	rule := spanRule{usual: occupancyBySnapshot, longest: 366 * 24 * time.Hour}
	if input.Step == "tick" {
		rule.longest = 24 * time.Hour
	}
	span, err := s.span(ctx, &input.SpanParams, rule)
	if err != nil {
		return Rows[OccupancyRow]{}, err
	}
	airspace, err := s.Atlas.Airspace(ctx)
	if err != nil {
		return Rows[OccupancyRow]{}, err
	}
	fir, known := airspace.FIR(input.ID)
	if !known || fir.Shape == nil {
		return Rows[OccupancyRow]{}, fault.E("api.occupancy", fault.NotFound, "unknown_sector", nil).WithMessage("There is no FIR or sector of that name with a boundary.")
	}
	keys := OccupancyKeys{ID: fir.ID, Name: fir.Name, Step: input.Step, From: span.from, To: span.to}
	find := s.Sectors.SectorTicks
	if input.Step == "quarter" || input.Step != "tick" && span.to.Sub(span.from) > occupancyBySnapshot {
		keys.Step, find = "quarter", s.Sectors.SectorQuarters
	} else {
		keys.Step = "tick"
	}
	found, err := find(ctx, fir.ID, span.from, span.to)
	if err != nil {
		return Rows[OccupancyRow]{}, err
	}
	rows := Rows[OccupancyRow]{Attribution: reference.Attribution, Keys: func([]OccupancyRow) any { return keys }}
	_, rows.AsOf, _, err = s.Sectors.SectorsNow(ctx, s.Clock())
	rows.Snapshot, rows.Stale = rows.AsOf, s.behind(rows.AsOf, span.to)
	for _, row := range found {
		row.Time = row.Time.UTC()
		rows.All = append(rows.All, OccupancyRow(row))
	}
	return rows, err
}
