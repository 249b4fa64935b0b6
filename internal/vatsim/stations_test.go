package vatsim

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

func radioRow(overrides object) object {
	return override(object{
		"id": 0, "frequency": 121900010, "latDeg": 40.639751, "lonDeg": -73.7789, "heightMslM": 103.6, "heightAglM": 99.2,
	}, overrides)
}

func stationRow(callsign any, radios ...any) object {
	return object{"callsign": callsign, "transceivers": radios}
}

func TestDecodeStations(t *testing.T) {
	radio := Transceiver{Frequency: 121900, Latitude: 4063975, Longitude: -7377890, HeightMSL: 104, HeightAGL: 99}
	one := []Station{{Callsign: "JFK_GND", Transceivers: []Transceiver{radio}}}
	tests := []struct {
		name    string
		rows    []any
		want    []Station
		rejects map[string]int
	}{
		{"a radio in our units", []any{stationRow("JFK_GND", radioRow(nil))}, one, nil},
		{"no radios", []any{object{"callsign": "JFK_GND", "transceivers": nil}}, []Station{{Callsign: "JFK_GND"}}, nil},
		{"a wrong radio beside a right one", []any{stationRow("JFK_GND", radioRow(object{"latDeg": 91}), radioRow(nil), 7)}, one,
			map[string]int{"transceiver_latitude_range": 1, "transceiver_row_type": 1}},
		{"a radio without a frequency", []any{stationRow("JFK_GND", radioRow(object{"frequency": absent}), radioRow(nil))}, one,
			map[string]int{"transceiver_frequency_missing": 1}},
		{"heights that are missing or odd", []any{stationRow("JFK_GND", radioRow(object{"heightMslM": absent, "heightAglM": "x"}))},
			[]Station{{Callsign: "JFK_GND", Transceivers: []Transceiver{{Frequency: 121900, Latitude: 4063975, Longitude: -7377890}}}}, nil},
		{"rows that are no stations", []any{7, stationRow("A\x00B\n"), object{"transceivers": []any{}}, stationRow("JFK_GND", radioRow(nil)), object{"callsign": "X", "transceivers": 1}},
			one, map[string]int{"row_type": 1, "callsign_invalid": 1, "callsign_missing": 1, "transceivers_type": 1}},
		{"a callsign twice", []any{stationRow("JFK_GND"), stationRow("JFK_GND", radioRow(nil))}, one, map[string]int{"duplicate": 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 {
				got, rejects, err := DecodeStationsCounted(marshal(t, test.rows))
				if err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if len(got[i].Transceivers) == 0 {
						got[i].Transceivers = nil
					}
				}
				if test.rejects == nil {
					test.rejects = map[string]int{}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("stations (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.rejects, rejects); diff != "" {
					t.Errorf("rejects (-want +got):\n%s", diff)
				}
				slices.Reverse(test.rows) // the order must not matter
			}
		})
	}
	wrong := map[string]string{"": "empty", "<html>": "html", "{}": "not_object", `[{"callsign":"A"`: "truncated", "[]x": "not_json", "[,]": "not_json"}
	for text, reason := range wrong {
		t.Run("refuses "+strings.TrimSpace(text), func(t *testing.T) {
			if stations, err := DecodeStations([]byte(text)); stations != nil || fault.ReasonOf(err) != reason {
				t.Errorf("%v, %v; want %s", stations, err, reason)
			}
		})
	}
}
