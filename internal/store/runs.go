package store

import (
	"cmp"
	"slices"
)

// runs are the positions of one session in one hour as position_chunks keeps
// them: element i is a run of consecutive snapshots with the same values.
type runs struct {
	SessionID   int64
	Skipped     []int16 // ordinal of the run's first snapshot less its 1-based index
	Held        []int16 // snapshots in the run
	Latitude    []int32
	Longitude   []int32
	Altitude    []int32
	Groundspeed []int16
	Heading     []int16
	Squawk      []int16
}

// add appends row i of the frame of the snapshot with the ordinal no, which is
// greater than any before.
func (r *runs) add(no int16, f *Frame, i int) {
	if last := len(r.Held) - 1; last >= 0 && r.end(last) == no && r.holds(last, f, i) {
		r.Held[last]++
		return
	}
	r.Skipped = append(r.Skipped, no-int16(len(r.Held))-1)
	r.Held = append(r.Held, 1)
	r.Latitude = append(r.Latitude, f.Latitude[i])
	r.Longitude = append(r.Longitude, f.Longitude[i])
	r.Altitude = append(r.Altitude, f.Altitude[i])
	r.Groundspeed = append(r.Groundspeed, f.Groundspeed[i])
	r.Heading = append(r.Heading, f.Heading[i])
	r.Squawk = append(r.Squawk, f.Squawk[i])
}

// first returns the ordinal of a run's first snapshot, end the one after its last.
func (r *runs) first(run int) int16 { return r.Skipped[run] + int16(run) + 1 }
func (r *runs) end(run int) int16   { return r.first(run) + r.Held[run] }

func (r *runs) holds(run int, f *Frame, i int) bool {
	return r.Latitude[run] == f.Latitude[i] && r.Longitude[run] == f.Longitude[i] &&
		r.Altitude[run] == f.Altitude[i] && r.Groundspeed[run] == f.Groundspeed[i] &&
		r.Heading[run] == f.Heading[i] && r.Squawk[run] == f.Squawk[i]
}

// expand appends the session's row to the frame of every snapshot it was in.
// frames are by ordinal.
func (r *runs) expand(frames map[int16]*Frame) {
	for run := range r.Held {
		for no := r.first(run); no < r.end(run); no++ {
			f, wanted := frames[no]
			if !wanted {
				continue
			}
			f.SessionID = append(f.SessionID, r.SessionID)
			f.Latitude = append(f.Latitude, r.Latitude[run])
			f.Longitude = append(f.Longitude, r.Longitude[run])
			f.Altitude = append(f.Altitude, r.Altitude[run])
			f.Groundspeed = append(f.Groundspeed, r.Groundspeed[run])
			f.Heading = append(f.Heading, r.Heading[run])
			f.Squawk = append(f.Squawk, r.Squawk[run])
		}
	}
}

// hourRuns transposes the frames of an hour, given in order of time, into runs
// by session.
type hourRuns map[int64]*runs

func (h hourRuns) add(no int16, frame *Frame) {
	for i, id := range frame.SessionID {
		session, known := h[id]
		if !known {
			session = &runs{SessionID: id}
			h[id] = session
		}
		session.add(no, frame, i)
	}
}

// sorted returns the runs by session id.
func (h hourRuns) sorted() []*runs {
	all := make([]*runs, 0, len(h))
	for _, session := range h {
		all = append(all, session)
	}
	slices.SortFunc(all, func(a, b *runs) int { return cmp.Compare(a.SessionID, b.SessionID) })
	return all
}
