package vatsim

import (
	"encoding/json"
	"testing"
)

// The seeds are generated: one body of each shape, and what broke decoders
// elsewhere.

func FuzzDecode(f *testing.F) {
	f.Add(body(f, object{"pilots": []any{pilotRow(nil), pilotRow(nil)}, "controllers": []any{controllerRow(nil)}, "atis": []any{atisRow(nil)}, "prefiles": []any{prefileRow(nil)}}))
	f.Add([]byte(`{"general":{"update_timestamp":"2026-11-24T02:39:00Z"},"pilots":[{"cid":1e0,"\u0063id":2,"callsign":"\u0041","text_atis":["\ud800\u0000"]},[],null,7,"x"]}`))
	f.Add([]byte(`{"general":{"update_timestamp":"2026-11-24T02:39:00Z"},"atis":[{"cid":1,"callsign":"A","logon_time":"2026-11-24T02:39:00Z","facility":4,"text_atis":[ "a" , "b\\" , "]" , 1 ]}]}`))
	f.Add([]byte("\xff{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		snapshot, err := Decode(raw)
		if err != nil {
			if snapshot != nil || !Malformed(err) {
				t.Errorf("%v with %v", snapshot, err)
			}
			return
		}
		if !json.Valid(raw) {
			t.Error("accepted what is no JSON")
		}
		if at, err := PeekTimestamp(raw); err == nil && snapshot.UpdateTimestamp.IsZero() {
			t.Errorf("no update_timestamp, but %v by PeekTimestamp", at)
		}
		checkSnapshot(t, snapshot)
	})
}

func FuzzDecodeStations(f *testing.F) {
	f.Add(marshal(f, []any{stationRow("JFK_GND", radioRow(nil), radioRow(object{"latDeg": 91})), stationRow("JFK_GND"), 7}))
	f.Add([]byte(`[{"callsign":"A","transceivers":[{"id":"1","frequency":1e99,"latDeg":-0.0,"lonDeg":1e-9}, {} ,null]}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		stations, _, err := DecodeStationsCounted(raw)
		if err == nil && !json.Valid(raw) {
			t.Error("accepted what is no JSON")
		}
		seen := make(map[string]bool)
		for _, station := range stations {
			checkText(t, station.Callsign)
			if station.Callsign == "" || seen[station.Callsign] {
				t.Errorf("callsign %q is empty or twice", station.Callsign)
			}
			seen[station.Callsign] = true
		}
	})
}

func FuzzPlan(f *testing.F) {
	f.Add(marshal(f, planObject(nil)))
	f.Add([]byte(`{"route":"\ud800\u0000","remarks":{"a":["}\""]},"revision_id":1e400,"\u0061ltitude":"FL350"}`))
	f.Add([]byte("{\"route\":\"\xc3\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		parsed, err := Plan(raw).Parse()
		if err != nil {
			return
		}
		checkText(t, parsed.Departure, parsed.Arrival, parsed.Route, parsed.Remarks, parsed.Altitude)
		if feet, ok := ParseAltitude(parsed.Altitude); ok && (feet <= 0 || feet > 99_999) {
			t.Errorf("altitude %q is %d ft", parsed.Altitude, feet)
		}
	})
}
