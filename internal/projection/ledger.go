package projection

import (
	"slices"
	"time"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// TickLength is the cadence of the feed and of the ledger.
const TickLength = 15 * time.Second

// ReasonNotRun is the reason of a tick for which no run was made: the recorder
// was not running, or the recording has nothing for it.
const ReasonNotRun = "not_run"

// ReasonSuspicious is the reason of a tick whose snapshot is held.
const ReasonSuspicious = "suspicious"

func snapshotRow(in Input, held bool) store.SnapshotRow {
	row := store.SnapshotRow{
		At: in.Snapshot.UpdateTimestamp, Received: in.Record.Received,
		Bytes: in.Record.Bytes, Hash: in.Record.Hash[:],
		Clients: in.Snapshot.ConnectedClients, UniqueUsers: in.Snapshot.UniqueUsers,
		Pilots: len(in.Snapshot.Pilots), Controllers: len(in.Snapshot.Controllers),
		ATIS: len(in.Snapshot.ATIS), Prefiles: len(in.Snapshot.Prefiles),
		Rejected: map[string]int{}, Duplicates: map[string]int{}, Drift: in.Snapshot.Drift,
		Suspicious: held,
	}
	for _, reject := range in.Snapshot.Rejects {
		row.Rejected[reject.Kind.String()+"."+reject.Reason] += reject.Count
	}
	for kind, count := range in.Snapshot.Duplicates {
		row.Duplicates[kind.String()] += count
	}
	if row.Drift == nil {
		row.Drift = map[string]int{}
	}
	return row
}

func ledgerRows(in Input, held bool, newest time.Time) (store.TickRow, []store.TickRow) {
	row := store.TickRow{
		Tick: in.Record.Tick, Outcome: in.Outcome, Snapshot: in.Snapshot.UpdateTimestamp,
		Received: in.Record.Received, Bytes: in.Record.Bytes, Hash: in.Record.Hash[:],
	}
	if held {
		row.Reason = ReasonSuspicious
	}
	return row, MissingTicks(newest, in.Record.Tick)
}

// LongestAbsence is how long a recorder may be away and still have every tick
// that it missed listed. After a longer absence the ledger begins anew: nobody
// was recording, and years of rows would say no more than that.
const LongestAbsence = 7 * 24 * time.Hour

// MissingTicks returns the rows of the ticks strictly between two ticks; none
// where the ledger begins: when the first is zero, or longer ago than
// LongestAbsence.
func MissingTicks(newest, tick time.Time) []store.TickRow {
	if newest.IsZero() || tick.Sub(newest) > LongestAbsence {
		return nil
	}
	var rows []store.TickRow
	for missed := newest.Add(TickLength); missed.Before(tick); missed = missed.Add(TickLength) {
		rows = append(rows, store.TickRow{Tick: missed, Outcome: store.Missing, Reason: ReasonNotRun})
	}
	return rows
}

// TickOf returns the tick that a moment belongs to.
func TickOf(moment time.Time) time.Time { return moment.UTC().Truncate(TickLength) }

// ReasonCollision is the reason of a row refused because its session's id, a
// hash, belongs to another session already.
const ReasonCollision = "session_id_collision"

// Without returns the snapshot without the rows of those sessions, counted as
// rejected.
func Without(snapshot *vatsim.Snapshot, keys []store.SessionKey) *vatsim.Snapshot {
	refused := make(map[key]bool, len(keys))
	for _, k := range keys {
		refused[keyOf(k)] = true
	}
	rest := *snapshot
	rest.Rejects = slices.Clone(snapshot.Rejects)
	refuse := func(k store.SessionKey) bool {
		if !refused[keyOf(k)] {
			return false
		}
		rest.Rejects = append(rest.Rejects, vatsim.RejectCount{Kind: k.Kind, Reason: ReasonCollision, Count: 1})
		return true
	}
	rest.Pilots = slices.DeleteFunc(slices.Clone(snapshot.Pilots), func(row vatsim.Pilot) bool { return refuse(pilotKey(&row)) })
	rest.Controllers = slices.DeleteFunc(slices.Clone(snapshot.Controllers), func(row vatsim.Controller) bool {
		return refuse(controllerKey(vatsim.KindController, &row))
	})
	rest.ATIS = slices.DeleteFunc(slices.Clone(snapshot.ATIS), func(row vatsim.Controller) bool {
		return refuse(controllerKey(vatsim.KindATIS, &row))
	})
	rest.Prefiles = slices.DeleteFunc(slices.Clone(snapshot.Prefiles), func(row vatsim.Prefile) bool { return refuse(prefileKey(&row)) })
	return &rest
}
