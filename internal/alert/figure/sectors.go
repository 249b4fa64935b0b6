package figure

import (
	"context"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/reference"
	"github.com/skyledger/skyledger/internal/store"
)

// Sectors says how busy FIRs and sectors are at the newest snapshot analysed, as
// /api/sectors has it; *store.Store does. version is 0 where there were no FIRs.
type Sectors interface {
	SectorsNow(ctx context.Context, at time.Time) (found []store.SectorNow, when time.Time, version int32, err error)
}

// FIRs knows FIRs and sectors; *reference.Reader does.
type FIRs interface {
	FIR(ctx context.Context, id string) (reference.Area, error)
}

// Sector is how many are in an FIR or sector, or how much work they are.
type Sector struct {
	Sectors  Sectors
	FIRs     FIRs
	Workload bool // the index of internal/workload; aircraft in the air else
}

// Describe implements alert.Figure.
func (s Sector) Describe() alert.Description {
	d := alert.Description{
		Name: "sector_occupancy", Unit: "aircraft", Subjects: "FIRs and sectors by id (/api/firs), or patterns such as EG*", Every: true, MaxAge: analysisLate,
		What: "aircraft in the air in an FIR or sector",
	}
	if s.Workload {
		d.Name, d.Unit, d.What = "sector_workload", "", "the workload index of an FIR or sector"
	}
	return d
}

// Check implements alert.Figure.
func (s Sector) Check(ctx context.Context, subject string) error {
	_, err := s.FIRs.FIR(ctx, subject)
	if fault.Is(err, fault.NotFound) {
		return alert.Unknown(s.Describe().Name, subject, "its subjects are FIRs and sectors by their ids, such as EGTT, which /api/firs lists")
	}
	return err
}

// Observe implements alert.Figure.
func (s Sector) Observe(ctx context.Context, now time.Time, _ []string) (alert.Observation, error) {
	found, when, version, err := s.Sectors.SectorsNow(ctx, now)
	if err != nil || version == 0 {
		return alert.Observation{}, err
	}
	none := 0.0
	o := alert.Observation{AsOf: when, Rest: &none}
	for _, row := range found {
		value, detail := row.Occupancy, fmt.Sprintf("workload %d", row.Workload)
		if s.Workload {
			value, detail = row.Workload, fmt.Sprintf("%d aircraft", row.Occupancy)
		}
		o.Readings = append(o.Readings, alert.Value(row.Sector, float64(value), detail))
	}
	return o, nil
}
