package vatsim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// object is one JSON object of a body under construction.
type object = map[string]any

// body returns a complete network body with the given sections.
func body(t testing.TB, sections object) []byte {
	t.Helper()
	whole := object{
		"general": object{
			"version": 3, "reload": 1, "update": "20261124023900",
			"update_timestamp": "2026-11-24T02:39:00.1234567Z", "connected_clients": 3, "unique_users": 2,
		},
		"pilots": []any{}, "controllers": []any{}, "atis": []any{}, "prefiles": []any{},
		"servers": []any{}, "facilities": []any{}, "ratings": []any{}, "pilot_ratings": []any{}, "military_ratings": []any{},
	}
	for name, section := range sections {
		whole[name] = section
	}
	return marshal(t, whole)
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("cannot make a fixture: %v", err)
	}
	return encoded
}

// pilotRow is a pilot as the feed sends it, changed by overrides; a value of
// absent leaves a field out.
func pilotRow(overrides object) object {
	return override(object{
		"cid": 1000001, "name": "Jane Doe EGLL", "callsign": "BAW123", "server": "UK-1",
		"pilot_rating": 1, "military_rating": 0, "latitude": 51.4775, "longitude": -0.46139,
		"altitude": 83, "groundspeed": 12, "transponder": "2200", "heading": 271,
		"qnh_i_hg": 29.92, "qnh_mb": 1013, "flight_plan": planObject(nil),
		"logon_time": "2026-11-24T01:00:00.5Z", "last_updated": "2026-11-24T02:38:58.7654321Z",
	}, overrides)
}

func controllerRow(overrides object) object {
	return override(object{
		"cid": 1000002, "name": "John Roe", "callsign": "EGLL_TWR", "frequency": "118.700",
		"facility": 4, "rating": 3, "server": "UK-1", "visual_range": 50, "text_atis": []string{"Heathrow Tower"},
		"logon_time": "2026-11-24T01:00:00Z", "last_updated": "2026-11-24T02:38:58Z",
	}, overrides)
}

func atisRow(overrides object) object {
	return controllerRow(override(object{
		"callsign": "EGLL_ATIS", "frequency": "128.075", "atis_code": "K", "text_atis": []string{"HEATHROW INFORMATION K", "RUNWAY 27L"},
	}, overrides))
}

func prefileRow(overrides object) object {
	return override(object{
		"cid": 1000003, "name": "1000003", "callsign": "DLH4PK", "flight_plan": planObject(nil),
		"last_updated": "2026-11-24T00:10:00.1Z",
	}, overrides)
}

func planObject(overrides object) object {
	return override(object{
		"flight_rules": "I", "aircraft": "A320/M-SDE2FGHIRWXY/LB1", "aircraft_faa": "A320/L", "aircraft_short": "A320",
		"departure": "EGLL", "arrival": "EHAM", "alternate": "EBBR", "cruise_tas": "450", "altitude": "35000",
		"deptime": "0215", "enroute_time": "0055", "fuel_time": "0230", "remarks": "PBN/A1B1 RMK/TCAS",
		"route": "BPK7G BPK Q295 SOMVA REDFA", "revision_id": 2, "assigned_transponder": "2200",
	}, overrides)
}

type absentField struct{}

// absent, as a value of an override, leaves the field out.
var absent = absentField{}

func override(row, overrides object) object {
	for name, value := range overrides {
		if value == absent {
			delete(row, name)
			continue
		}
		row[name] = value
	}
	return row
}

// trafficBody generates a body of so many pilots, sized and shaped as a real
// one, without anybody's data.
func trafficBody(t testing.TB, pilots int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(pilots)))
	logon := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	stamp := func() string {
		return logon.Add(time.Duration(random.Int64N(int64(2*time.Hour)))/100*100).Format("2006-01-02T15:04:05.0000000") + "Z"
	}
	text := func(length int) string {
		var words strings.Builder
		for words.Len() < length {
			fmt.Fprintf(&words, "%c%c%c%c%c DCT ", 'A'+random.IntN(26), 'A'+random.IntN(26), 'A'+random.IntN(26), 'A'+random.IntN(26), 'A'+random.IntN(26))
		}
		return words.String()[:length]
	}
	var rows, controllers, atis, prefiles []any
	for i := range pilots {
		plan := any(planObject(object{"route": text(100 + random.IntN(500)), "remarks": text(100 + random.IntN(300))}))
		if i%18 == 0 {
			plan = nil
		}
		rows = append(rows, pilotRow(object{
			"cid": 1_000_000 + i, "callsign": fmt.Sprintf("TST%d", i), "name": text(14), "server": fmt.Sprintf("SERVER-%d", i%9),
			"latitude": float64(random.IntN(18_000_000)-9_000_000) / 1e5, "longitude": float64(random.IntN(36_000_000)-18_000_000) / 1e5,
			"altitude": random.IntN(41_000), "groundspeed": random.IntN(520), "heading": random.IntN(361),
			"flight_plan": plan, "logon_time": stamp(), "last_updated": stamp(),
		}))
	}
	for i := range pilots / 8 {
		controllers = append(controllers, controllerRow(object{
			"cid": 2_000_000 + i, "callsign": fmt.Sprintf("T%03d_CTR", i), "logon_time": stamp(), "text_atis": []string{text(60), text(40)},
		}))
	}
	for i := range pilots / 15 {
		atis = append(atis, atisRow(object{"cid": 3_000_000 + i, "callsign": fmt.Sprintf("T%03d_ATIS", i), "text_atis": []string{text(60), text(60), text(60)}}))
	}
	for i := range pilots / 10 {
		prefiles = append(prefiles, prefileRow(object{"cid": 4_000_000 + i, "callsign": fmt.Sprintf("PRE%d", i)}))
	}
	return body(t, object{
		"general": object{
			"version": 3, "update_timestamp": "2026-11-24T02:39:00.1234567Z",
			"connected_clients": pilots + len(controllers) + len(atis), "unique_users": pilots,
		},
		"pilots": rows, "controllers": controllers, "atis": atis, "prefiles": prefiles,
	})
}

// accounted counts the rows of a kind that a snapshot knows of in any way.
func accounted(s *Snapshot, kind Kind) int {
	rows := map[Kind]int{
		KindPilot: len(s.Pilots), KindController: len(s.Controllers), KindATIS: len(s.ATIS), KindPrefile: len(s.Prefiles),
	}[kind]
	for _, reject := range s.Rejects {
		if reject.Kind == kind {
			rows += reject.Count
		}
	}
	return rows + s.Duplicates[kind]
}
