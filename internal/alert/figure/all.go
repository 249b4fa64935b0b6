package figure

import (
	"github.com/skyledger/skyledger/internal/alert"
)

// Deps are what the figures are measured from.
type Deps struct {
	Ledger    Ledger
	Marks     Watermarks
	Account   Account
	Functions []string // the names there are
	Live      Live
	Places    Places
	Squawks   Squawks
	Positions Positions
	Traffic   Traffic
	Sectors   Sectors
	FIRs      FIRs
}

// All returns every figure there is.
func All(d Deps) alert.Catalogue {
	return alert.Catalogue{
		Completeness{d.Ledger},
		DataAge{d.Marks},
		ErrorRate{d.Account, d.Functions},
		RecordedErrors{d.Account, d.Functions},
		Condition{d.Account, d.Marks},
		Online{Live: d.Live, Places: d.Places},
		Online{Live: d.Live, Places: d.Places, Controllers: true},
		Squawk{d.Squawks},
		Unstaffed{d.Positions},
		Movements{Traffic: d.Traffic},
		Movements{Traffic: d.Traffic, Inbound: true},
		Sector{Sectors: d.Sectors, FIRs: d.FIRs},
		Sector{Sectors: d.Sectors, FIRs: d.FIRs, Workload: true},
	}
}

// ofNetwork is what figures of the whole have in common.
type ofNetwork struct{}

const networkAlone = `the whole network, called "network"`

// check refuses every other subject.
func (ofNetwork) check(figure, subject string) error {
	if subject == alert.Network {
		return nil
	}
	return alert.Unknown(figure, subject, "it is of "+networkAlone)
}

// whole is an observation of the whole.
func whole(o alert.Observation, value float64, detail string) alert.Observation {
	o.Readings = []alert.Reading{alert.Value(alert.Network, value, detail)}
	return o
}
