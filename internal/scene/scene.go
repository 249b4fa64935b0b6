package scene

import "github.com/skyledger/skyledger/internal/vatsim"

// Scene is one snapshot of the log, in the order of the ledger. It refers to
// the body it was decoded from: what is kept of a plan must be cloned.
type Scene struct {
	*vatsim.Snapshot

	// Held says that the snapshot lacks so many pilots that it is not believed:
	// who is in it is where it says, who is not may be there all the same.
	Held bool

	// Stations are the radios that came with it; nil when none came: then
	// everybody's stay as they were.
	Stations []vatsim.Station
}
