package simulator

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"time"
)

// Kind is what an Event tells.
type Kind string

// The kinds of events. Movements are told only when the pilot is connected.
const (
	Connect    Kind = "connect"      // a pilot's first connection of a duty; Airborne when it appears in flight
	Disconnect Kind = "disconnect"   // the connection is lost and will come back
	Reconnect  Kind = "reconnect"    // back under a new logon time
	Rename     Kind = "rename"       // back at once under another callsign
	Logoff     Kind = "logoff"       // gone for good; Airborne when it leaves in flight
	OffBlock   Kind = "off_block"    // pushback begins
	Takeoff    Kind = "takeoff"      // wheels leave the ground
	GoAround   Kind = "go_around"    // the approach is given up
	TouchAndGo Kind = "touch_and_go" // wheels touch, and leave within seconds
	Landing    Kind = "landing"      // wheels touch
	Diversion  Kind = "diversion"    // with the landing elsewhere than planned
	OnBlock    Kind = "on_block"     // stands still at its stand
)

// Event is one thing that truly happened in the simulated world.
type Event struct {
	Time     time.Time `json:"time"`
	Kind     Kind      `json:"kind"`
	CID      int32     `json:"cid"`
	Callsign string    `json:"callsign"`
	Flight   string    `json:"flight"`            // the same for all events of one flight, across connections
	Airport  string    `json:"airport,omitempty"` // ICAO; of movements
	Runway   string    `json:"runway,omitempty"`
	Planned  string    `json:"planned,omitempty"` // filed arrival, of landings and diversions
	Airborne bool      `json:"airborne"`
	Lat      float64   `json:"lat"`
	Lon      float64   `json:"lon"`
	Altitude float64   `json:"altitude"` // feet above mean sea level
}

// Truth lists what happens in [from, to), by time. Asked again, for any span,
// it tells the same. A long span takes some milliseconds per thousand aircraft
// and hour.
func (s *Simulator) Truth(from, to time.Time) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := from.UnixNano(), to.UnixNano()
	var out []Event
	for slot := range s.slots {
		for at := first; at < last; {
			block, began, length := s.blockOf(slot, at)
			at = began + length
			c := &s.cache[slot]
			if c.duty == nil || c.block != block {
				c = &cached{duty: s.newDuty(slot, block, began, length), block: block, leg: -1}
			}
			out = s.appendEvents(out, c, first, last)
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return out
}

func (s *Simulator) appendEvents(out []Event, c *cached, from, to int64) []Event {
	d := c.duty
	for _, i := range d.incidents {
		at := d.start + int64(i.t*1e9)
		if at < from || at >= to {
			continue
		}
		now := c.stateAt(i.t)
		lat, lon := now.at.degrees()
		event := Event{
			Time: time.Unix(0, at).UTC(), Kind: i.kind, CID: d.cid, Callsign: d.sessions[i.session].callsign,
			Flight: s.flightID(d, i.leg), Airborne: d.airborne(i.t), Lat: round(lat, 1e5), Lon: round(lon, 1e5), Altitude: round(now.alt, 1),
		}
		s.place(&event, &d.legs[i.leg])
		out = append(out, event)
	}
	return out
}

// place names the airport and runway of a movement.
func (s *Simulator) place(event *Event, l *leg) {
	end := l.landings
	switch event.Kind {
	case OffBlock, Takeoff:
		event.Airport, end = s.atlas.airports[l.departure].icao, l.takeoffs
	case Landing, Diversion, GoAround, TouchAndGo, OnBlock:
		event.Airport, event.Planned = s.atlas.airports[l.arrival].icao, s.atlas.airports[l.planned].icao
	default:
		return
	}
	if end != nil && event.Kind != OffBlock && event.Kind != OnBlock {
		event.Runway = end.ident
	}
}

func round(value, steps float64) float64 { return math.Round(value*steps) / steps }

// WriteTruth writes the events of [from, to) as JSON lines.
func (s *Simulator) WriteTruth(w io.Writer, from, to time.Time) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, event := range s.Truth(from, to) {
		if err := encoder.Encode(event); err != nil {
			return err
		}
	}
	return nil
}
