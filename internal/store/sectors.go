package store

import "time"

// SectorTick is what one snapshot shows of FIRs and sectors, column by column,
// by id; only of those in which something is or happened. An aircraft in a
// sector is in its FIR as well.
type SectorTick struct {
	At        time.Time
	Version   int32 // of the FIRs; 0 when there were none: then nothing is known
	Sector    []string
	Occupancy []int16 // airborne aircraft
	Entries   []int16 // since the snapshot before: came in, or took off
	Exits     []int16 // since the snapshot before: went out, or landed
	Workload  []int16 // workload.Index
}

// SectorQuarter sums up a quarter of an hour of one FIR or sector. It is written
// when the quarter is over, and never changes. Occupancy now is the quarter's
// First + entries + appeared − exits − vanished.
type SectorQuarter struct {
	Sector       string
	Quarter      time.Time
	Ticks        int16 // snapshots in which FIRs were known
	First        int16 // aircraft before its first snapshot
	OccupancySum int32 // over the snapshots
	OccupancyMax int16
	Entries      int32
	Exits        int32
	Appeared     int32 // connected in the air, were there when FIRs or watching began, or FIRs were redrawn
	Vanished     int32 // disconnected in the air, or FIRs were redrawn
	Stays        int32 // exits after an entry, both seen as they happened
	StaySeconds  int64 // of these stays together
	WorkloadSum  int32
	WorkloadMax  int16
	Decided      time.Time
}

// SectorChanges is what one snapshot changes of sectors.
type SectorChanges struct {
	Tick     SectorTick
	Quarters []SectorQuarter // of the quarter that ended, by sector
}
