package simulator

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// field is the elevation of the nearest airport, in feet, and its distance in
// metres.
func nearestField(sim *Simulator, at vec) (elevation, metres float64) {
	closest := -2.0
	for i := range sim.atlas.airports {
		if c := at.dot(sim.atlas.airports[i].at); c > closest {
			closest, elevation = c, sim.atlas.airports[i].elevation
		}
	}
	return elevation, earthRadius * math.Acos(min(1, closest))
}

// counted watches a duty's exact positions every two seconds and counts what
// happens by height above the nearest airport alone.
type counted struct{ takeoffs, landings, touches int }

func watch(sim *Simulator, c *cached) counted {
	var out counted
	d := c.duty
	for i := range d.sessions {
		session := &d.sessions[i]
		known, airborne := false, false
		grounded := 0.0 // when it came down
		for t := session.from; t < min(session.to, session.frozen); t += 2 {
			now := c.stateAt(t)
			elevation, metres := 0.0, math.Inf(1)
			if now.alt < 12000 { // no field is as high
				elevation, metres = nearestField(sim, now.at)
			}
			above := now.alt - elevation
			switch {
			case above > 200 || metres > 12000:
				if known && !airborne {
					if grounded > 0 && t-grounded < 60 {
						out.touches++
						out.landings--
					} else {
						out.takeoffs++
					}
				}
				known, airborne = true, true
			case above < 105:
				if known && airborne {
					out.landings++
					grounded = t
				}
				known, airborne = true, false
			}
		}
	}
	return out
}

func TestTruthIsWhatPositionsShow(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 21, Aircraft: 300})
	var seen, told counted
	for slot := range sim.slots {
		if slot%2 == 1 && sim.newDutyAt(slot, start).fleet < fleetLight {
			continue // half of the airliners are enough
		}
		c := &cached{duty: sim.newDutyAt(slot, start), leg: -1}
		own := watch(sim, c)
		seen.takeoffs += own.takeoffs
		seen.landings += own.landings
		seen.touches += own.touches
		var truth counted
		for _, event := range sim.appendEvents(nil, c, math.MinInt64, math.MaxInt64) {
			switch event.Kind {
			case Takeoff:
				truth.takeoffs++
			case Landing:
				truth.landings++
			case TouchAndGo:
				truth.touches++
			}
		}
		told.takeoffs += truth.takeoffs
		told.landings += truth.landings
		told.touches += truth.touches
		if own != truth {
			t.Errorf("slot %d (%s, %d legs): positions show %+v, the truth tells %+v", slot, c.duty.legs[0].model.icao, len(c.duty.legs), own, truth)
		}
	}
	if seen != told || told.takeoffs < 150 || told.touches == 0 {
		t.Errorf("positions show %+v, the truth tells %+v", seen, told)
	}
}

func (s *Simulator) newDutyAt(slot int64, at time.Time) *duty {
	block, began, length := s.blockOf(slot, at.UnixNano())
	return s.newDuty(slot, block, began, length)
}

func TestEventsHappenWhereTheySay(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 4, Aircraft: 1200})
	counts := map[Kind]int{}
	for slot := range sim.slots {
		c := &cached{duty: sim.newDutyAt(slot, start), leg: -1}
		for _, i := range c.duty.incidents {
			counts[i.kind]++
			l := &c.duty.legs[i.leg]
			now := c.stateAt(i.t)
			end, alt := l.landings, l.toAlt
			if i.kind == Takeoff {
				end, alt = l.takeoffs, l.fromAlt
			}
			switch i.kind {
			case Takeoff, Landing, TouchAndGo:
				if math.Abs(now.alt-alt) > 1 {
					t.Errorf("%s of slot %d at %.0f ft, the field has %.0f", i.kind, slot, now.alt, alt)
				}
				if end == nil {
					continue
				}
				if off := across(end, now.at); off > 10 {
					t.Errorf("%s of slot %d %.0f m beside runway %s", i.kind, slot, off, end.ident)
				}
				if _, along := beside(end, now.at); along < 0 || along > end.length {
					t.Errorf("%s of slot %d %.0f m along a runway of %.0f", i.kind, slot, along, end.length)
				}
				if math.Abs(angleBetween(now.heading, end.heading)) > 2 {
					t.Errorf("%s of slot %d heading %.0f on runway %s", i.kind, slot, now.heading, end.ident)
				}
				speed := l.model.approach
				if i.kind == Takeoff {
					speed = l.model.rotate
				}
				if math.Abs(now.speed-speed) > 1 {
					t.Errorf("%s of slot %d (%s) at %.0f kt, not %.0f", i.kind, slot, l.model.icao, now.speed, speed)
				}
			case GoAround:
				if above := now.alt - l.toAlt; above < 170 || above > 860 || across(end, now.at) > 10 {
					t.Errorf("go-around of slot %d %.0f ft above, %.0f m beside", slot, above, across(end, now.at))
				}
			case OnBlock, OffBlock:
				if now.speed > 0.5 {
					t.Errorf("%s of slot %d at %.1f kt", i.kind, slot, now.speed)
				}
			}
		}
	}
	for _, kind := range []Kind{Connect, Disconnect, Reconnect, Rename, Logoff, OffBlock, Takeoff, GoAround, TouchAndGo, Landing, Diversion, OnBlock} {
		if counts[kind] == 0 {
			t.Errorf("no %s at all", kind)
		}
	}
	if share := float64(counts[GoAround]) / float64(counts[Landing]); share < 0.005 || share > 0.03 {
		t.Errorf("%.4f of the landings after a go-around", share)
	}
	if share := float64(counts[Diversion]) / float64(counts[Landing]); share < 0.002 || share > 0.02 {
		t.Errorf("%.4f of the landings are diversions", share)
	}
}

// across is how many metres a place is from a runway's centre line.
func across(end *runwayEnd, place vec) float64 {
	normal := end.threshold.cross(end.threshold.tangentTo(end.far))
	return math.Abs(math.Asin(place.dot(normal))) * earthRadius
}

func TestNothingJumps(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 8, Aircraft: 400})
	for slot := range sim.slots {
		c := &cached{duty: sim.newDutyAt(slot, start), leg: -1}
		d := c.duty
		last := c.stateAt(0)
		for at := 5.0; at < d.end; at += 5 {
			now := c.stateAt(at)
			moved := last.at.metresTo(now.at)
			fastest := max(last.speed, now.speed)*knot + 4 // 4 m/s: what braking and pulling away make of 5 s
			if moved > fastest*5+1 {
				t.Fatalf("slot %d (%s) jumped %.0f m in 5 s at %.0f kt, %.0f s into its duty, %.0f after off-block",
					slot, d.legs[0].model.icao, moved, now.speed, at, at-d.offs[0])
			}
			if climbed := math.Abs(now.alt - last.alt); climbed > 5*6500/60 {
				t.Fatalf("slot %d (%s) changed %.0f ft in 5 s, %.0f s into its duty", slot, d.legs[0].model.icao, climbed, at)
			}
			last = now
		}
	}
}

func TestNeighbouringSnapshotsFit(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 6, Aircraft: 900})
	type key struct {
		cid      int32
		callsign string
		logon    time.Time
	}
	type seen struct {
		at    vec
		when  time.Time
		speed int
	}
	last := map[key]seen{}
	kept := 0
	for tick := range 40 {
		b := decode(t, sim, start.Add(time.Duration(tick)*Cadence))
		next := map[key]seen{}
		for i := range b.Pilots {
			p := &b.Pilots[i]
			k := key{p.CID, p.Callsign, p.LogonTime}
			now := seen{at: fromDegrees(p.Latitude, p.Longitude), when: p.LastUpdated, speed: p.Groundspeed}
			if before, ok := last[k]; ok {
				kept++
				seconds := now.when.Sub(before.when).Seconds()
				reach := (float64(max(now.speed, before.speed))*knot+8)*max(seconds, 0) + 3
				if moved := before.at.metresTo(now.at); moved > reach {
					t.Errorf("%s moved %.0f m in %.1f s at %d kt", p.Callsign, moved, seconds, now.speed)
				}
			}
			if p.LogonTime.After(b.General.UpdateTimestamp) || p.LastUpdated.After(b.General.UpdateTimestamp) {
				t.Errorf("%s is from the future: logon %s, updated %s", p.Callsign, p.LogonTime, p.LastUpdated)
			}
			next[k] = now
		}
		last = next
	}
	if kept < 30000 {
		t.Errorf("only %d rows were seen again", kept)
	}
}

func TestTruthInPiecesIsTheTruth(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 12, Aircraft: 200})
	whole := sim.Truth(start, start.Add(5*time.Hour))
	var pieces []Event
	other := world(t, Options{Seed: 12, Aircraft: 200})
	for at := start; at.Before(start.Add(5 * time.Hour)); at = at.Add(25 * time.Minute) {
		other.At(at.Add(time.Hour))
		pieces = append(pieces, other.Truth(at, at.Add(25*time.Minute))...)
	}
	if diff := cmp.Diff(whole, pieces); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSortedFunc(whole, func(a, b Event) int { return a.Time.Compare(b.Time) }) || len(whole) < 500 {
		t.Errorf("%d events, or out of order", len(whole))
	}
	var lines bytes.Buffer
	if err := sim.WriteTruth(&lines, start, start.Add(5*time.Hour)); err != nil {
		t.Fatal(err)
	}
	read, err := ReadTruth(&lines)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, read); diff != "" {
		t.Error(diff)
	}
}
