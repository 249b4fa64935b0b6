package vatsim

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// connection is what rows of all kinds have in common.
type connection interface {
	Pilot | Controller | Prefile
}

// unique drops all but the best row of each (cid, callsign) and counts the
// rest. The best logged on last, then was updated last; rows equal in both are
// decided by their bytes, so that the order of rows never matters. Rows keep
// their order.
func unique[Row connection](d *decoder, kind Kind, rows []Row) []Row {
	starts := d.starts[kind]
	order := make([]uint64, len(rows))
	for i := range rows {
		cid, _, _, _ := identify(&rows[i])
		order[i] = uint64(cid)<<32 | uint64(i)
	}
	slices.Sort(order)

	var losers []int
	for first := 0; first < len(order); {
		next := first + 1
		for next < len(order) && order[next]>>32 == order[first]>>32 {
			next++
		}
		if next-first > 1 {
			losers = append(losers, worse(d.body, rows, starts, order[first:next])...)
		}
		first = next
	}
	if len(losers) == 0 {
		return rows
	}
	d.snapshot.Duplicates[kind] += len(losers)
	slices.Sort(losers)
	kept := rows[:0]
	for i := range rows {
		if len(losers) > 0 && losers[0] == i {
			losers = losers[1:]
			continue
		}
		kept = append(kept, rows[i])
	}
	clear(rows[len(kept):])
	return kept
}

// worse returns the indexes of the rows of one cid that lose against another
// row of the same callsign. The low halves of group are the rows' indexes.
func worse[Row connection](body []byte, rows []Row, starts []uint32, group []uint64) (losers []int) {
	index := func(entry uint64) int { return int(uint32(entry)) }
	raw := func(entry uint64) []byte {
		start := int(starts[index(entry)])
		return body[start:valueEnd(body, start)]
	}
	slices.SortFunc(group, func(a, b uint64) int {
		_, callsignA, logonA, updatedA := identify(&rows[index(a)])
		_, callsignB, logonB, updatedB := identify(&rows[index(b)])
		order := cmp.Or(cmp.Compare(callsignA, callsignB), logonB.Compare(logonA), updatedB.Compare(updatedA))
		if order == 0 {
			order = bytes.Compare(raw(a), raw(b))
		}
		return order
	})
	for i := 1; i < len(group); i++ {
		_, best, _, _ := identify(&rows[index(group[i-1])])
		_, this, _, _ := identify(&rows[index(group[i])])
		if best == this {
			losers = append(losers, index(group[i]))
		}
	}
	return losers
}

// identify returns what decides between two rows.
func identify[Row connection](row *Row) (cid int32, callsign string, logon, updated time.Time) {
	switch row := any(row).(type) {
	case *Pilot:
		return row.CID, row.Callsign, row.LogonTime, row.LastUpdated
	case *Controller:
		return row.CID, row.Callsign, row.LogonTime, row.LastUpdated
	case *Prefile:
		return row.CID, row.Callsign, time.Time{}, row.LastUpdated
	default:
		return 0, "", time.Time{}, time.Time{}
	}
}
