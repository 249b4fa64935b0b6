package sector

import (
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/workload"
)

// area is one FIR or sector that somebody was in.
type area struct {
	id        string
	occupancy int16
	in, out   int16 // since the scene before
	entries   workload.Window
	handoffs  workload.Window
	sum       store.SectorQuarter

	group    int32
	speeds   workload.Speeds
	vertical int
}

func (a *area) enter(how change, at time.Time) {
	a.occupancy++
	if how != crossed {
		a.sum.Appeared++
		return
	}
	a.in++
	a.sum.Entries++
	a.entries.Add(at, 1)
}

func (a *area) leave(s stay, how change, timed bool, at time.Time) {
	a.occupancy--
	if how != crossed {
		a.sum.Vanished++
		return
	}
	a.out++
	a.sum.Exits++
	if timed && !s.since.IsZero() {
		a.sum.Stays++
		a.sum.StaySeconds += int64(at.Sub(s.since) / time.Second)
	}
}

// turnQuarter gives out the quarter of an hour that is over.
func (t *Tracker) turnQuarter(at time.Time) {
	quarter := at.UTC().Truncate(QuarterLength)
	if quarter.Equal(t.quarter) {
		return
	}
	for id, a := range t.sectors {
		row := a.sum
		row.Sector, row.Quarter, row.Ticks, row.Decided = id, t.quarter, t.ticks, at
		if row.First > 0 || row.Entries+row.Exits+row.Appeared+row.Vanished > 0 {
			t.result.Quarters = append(t.result.Quarters, row)
		}
		a.sum = store.SectorQuarter{First: a.occupancy}
		if a.occupancy == 0 && a.entries.Hourly(at) == 0 && a.handoffs.Hourly(at) == 0 {
			delete(t.sectors, id)
		}
	}
	slices.SortFunc(t.result.Quarters, func(a, b store.SectorQuarter) int { return strings.Compare(a.Sector, b.Sector) })
	t.quarter, t.ticks = quarter, 0
}
