package projection

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func (p *Projector) pilots(pilots []vatsim.Pilot, at time.Time, changes *store.Changes) {
	ids := make([]int64, len(pilots))
	for i := range pilots {
		pilot := &pilots[i]
		s := p.see(pilotKey(pilot), at, changes, func(opened *store.OpenedSession) {
			opened.Server, opened.PilotRating, opened.MilitaryRating = pilot.Server, pilot.PilotRating, pilot.MilitaryRating
		})
		p.plan(s, pilot.Plan, pilot.Name, at, changes)
		ids[i] = s.ID
	}
	changes.Positions = frameOf(pilots, ids)
}

func pilotKey(pilot *vatsim.Pilot) store.SessionKey {
	return store.SessionKey{Kind: vatsim.KindPilot, CID: pilot.CID, Callsign: pilot.Callsign, Logon: pilot.LogonTime}
}

func controllerKey(kind vatsim.Kind, row *vatsim.Controller) store.SessionKey {
	return store.SessionKey{Kind: kind, CID: row.CID, Callsign: row.Callsign, Logon: row.LogonTime}
}

func prefileKey(row *vatsim.Prefile) store.SessionKey {
	return store.SessionKey{Kind: vatsim.KindPrefile, CID: row.CID, Callsign: row.Callsign}
}

// FrameOf returns the positions of a snapshot alone, for a frame that was lost
// with PostgreSQL's memory and is restored from the log.
func FrameOf(snapshot *vatsim.Snapshot) store.Frame {
	ids := make([]int64, len(snapshot.Pilots))
	for i := range snapshot.Pilots {
		ids[i] = store.SessionID(pilotKey(&snapshot.Pilots[i]))
	}
	return frameOf(snapshot.Pilots, ids)
}

// frameOf lays the pilots' positions out column by column in the order of their
// session ids; ids[i] is the session of pilots[i].
func frameOf(pilots []vatsim.Pilot, ids []int64) store.Frame {
	places := make([]int, len(pilots))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })

	frame := newFrame(len(pilots))
	for _, place := range places {
		pilot := &pilots[place]
		frame.SessionID = append(frame.SessionID, ids[place])
		frame.Latitude = append(frame.Latitude, pilot.Latitude)
		frame.Longitude = append(frame.Longitude, pilot.Longitude)
		frame.Altitude = append(frame.Altitude, pilot.Altitude)
		frame.Groundspeed = append(frame.Groundspeed, pilot.Groundspeed)
		frame.Heading = append(frame.Heading, pilot.Heading)
		frame.Squawk = append(frame.Squawk, pilot.Squawk)
	}
	return frame
}

func newFrame(rows int) store.Frame {
	return store.Frame{
		SessionID: make([]int64, 0, rows),
		Latitude:  make([]int32, 0, rows), Longitude: make([]int32, 0, rows), Altitude: make([]int32, 0, rows),
		Groundspeed: make([]int16, 0, rows), Heading: make([]int16, 0, rows), Squawk: make([]int16, 0, rows),
	}
}

func (p *Projector) controllers(kind vatsim.Kind, rows []vatsim.Controller, at time.Time, changes *store.Changes) {
	for i := range rows {
		row := &rows[i]
		s := p.see(controllerKey(kind, row), at, changes, func(opened *store.OpenedSession) {
			opened.Server, opened.Facility, opened.Rating, opened.VisualRange = row.Server, row.Facility, row.Rating, row.VisualRange
		})
		// A frequency that is not set (199.998) lasts a tick or two after logon:
		// it ends nothing and is no change.
		if row.Frequency != 0 && row.Frequency != s.Frequency {
			s.Frequency = row.Frequency
			changes.Frequencies = append(changes.Frequencies, store.FrequencyRevision{SessionID: s.ID, Since: at, Frequency: row.Frequency})
		}
		if kind == vatsim.KindATIS {
			p.atis(s, row, at, changes)
		}
	}
}

// atis records a new text or letter. The letter flickers to null while the
// text stands; that is no change, and neither is a text that blanks out.
func (p *Projector) atis(s *session, row *vatsim.Controller, at time.Time, changes *store.Changes) {
	text := withoutName(strings.Join(row.Text, "\n"), row.Name)
	hash := s.ATISHash
	if text != "" {
		hash = textHash(text)
	}
	code := cmp.Or(row.ATISCode, s.ATISCode)
	if hash == 0 || (hash == s.ATISHash && code == s.ATISCode) {
		return
	}
	if text == "" {
		// A new letter without its text waits for the text.
		return
	}
	s.ATISHash, s.ATISCode = hash, code
	changes.ATIS = append(changes.ATIS, store.ATISRevision{SessionID: s.ID, Since: at, Hash: hash, Code: code, Text: text})
}

func (p *Projector) prefiles(rows []vatsim.Prefile, at time.Time, changes *store.Changes) {
	for i := range rows {
		row := &rows[i]
		s := p.see(prefileKey(row), at, changes, func(*store.OpenedSession) {})
		p.plan(s, row.Plan, row.Name, at, changes)
	}
}

// plan records a plan that differs from the one in force. Plans blank out for
// minutes; a blank changes nothing, nor does one that cannot be read.
func (p *Projector) plan(s *session, plan vatsim.Plan, name string, at time.Time, changes *store.Changes) {
	if len(plan) == 0 {
		return
	}
	hash := plan.Hash()
	if hash == s.PlanHash {
		return
	}
	parsed, err := plan.Parse()
	if err != nil {
		return
	}
	parsed.Remarks = withoutName(parsed.Remarks, name)
	parsed.Route = withoutName(parsed.Route, name)
	s.PlanHash = hash
	changes.Plans = append(changes.Plans, store.PlanRevision{SessionID: s.ID, Since: at, Hash: hash, Plan: parsed})
}

// stations records where the radios of controllers and ATIS stations stand: a
// station's first transceiver, the one with the lowest id, is its own site.
func (p *Projector) stations(stations []vatsim.Station, at time.Time, changes *store.Changes) {
	for _, station := range stations {
		owners := p.byCallsign[station.Callsign]
		if len(owners) == 0 || len(station.Transceivers) == 0 {
			continue
		}
		site := slices.MinFunc(station.Transceivers, func(a, b vatsim.Transceiver) int { return cmp.Compare(a.ID, b.ID) })
		hash := siteHash(site)
		for _, s := range owners {
			if s.seen != p.round || s.StationHash == hash {
				continue
			}
			s.StationHash = hash
			changes.Stations = append(changes.Stations, store.StationRevision{
				SessionID: s.ID, Since: at, Hash: hash,
				Latitude: site.Latitude, Longitude: site.Longitude, HeightMSL: site.HeightMSL,
			})
		}
	}
}

func textHash(text string) int64 {
	sum := fnv.New64a()
	sum.Write([]byte(text))
	// 0 means "none in force".
	return max(1, int64(sum.Sum64()>>1))
}

func siteHash(site vatsim.Transceiver) int64 {
	sum := fnv.New64a()
	for _, value := range []int32{site.Latitude, site.Longitude, site.HeightMSL} {
		sum.Write([]byte{byte(value), byte(value >> 8), byte(value >> 16), byte(value >> 24)})
	}
	return max(1, int64(sum.Sum64()>>1))
}
