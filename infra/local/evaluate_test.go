package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parked is a track of somebody who never moves, and a label that says otherwise.
func parked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, lines := range map[string][]string{
		"track01.csv": {
			"report_id,report_utc,network_clients,network_pilots,cid,callsign,altitude_ft,groundspeed_kt,heading_deg,qnh_mb,aircraft,departure,arrival,latitude,longitude",
			"1,20240501100000,1,1,1000001,BAW1,83,0,90,1013,A320,EGLL,EGKK,51.47,-0.45",
			"2,20240501100200,1,1,1000001,BAW1,83,0,90,1013,A320,EGLL,EGKK,51.47,-0.45",
		},
		"labels_events.csv": {
			"csv_file,pilot_cid,report_id_from,report_id_to,report_utc_from,report_utc_to,events,flight_status,status_event,route_dep,route_arr,last_seen_icao,test_class,test_state",
			"track01.csv,1000001,2,2,,,Takeoff,,,,,,Case,active",
		},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvaluate(t *testing.T) {
	run := func(arguments ...string) (status int, out, complaints string) {
		var printed, said bytes.Buffer
		status = start(t.Context(), append([]string{"--data", t.TempDir(), "evaluate"}, arguments...), nil, &printed, &said)
		return status, printed.String(), said.String()
	}
	t.Run("tracks for people", func(t *testing.T) {
		status, out, said := run("--tracks", parked(t))
		if status != 0 || !strings.Contains(out, "takeoff  missed  track01.csv report 2") {
			t.Errorf("status %d, %s%s", status, out, said)
		}
	})
	t.Run("tracks for machines", func(t *testing.T) {
		status, out, said := run("--json", "--tracks", parked(t))
		var read struct {
			Kinds  map[string]struct{ Expected, Matched int }
			Misses []struct{ Kind string }
		}
		if err := json.Unmarshal([]byte(out), &read); err != nil || status != 0 {
			t.Fatalf("status %d, error %v: %s%s", status, err, out, said)
		}
		if read.Kinds["takeoff"].Expected != 1 || read.Kinds["takeoff"].Matched != 0 || len(read.Misses) != 1 {
			t.Errorf("%s", out)
		}
	})
	t.Run("a simulated world", func(t *testing.T) {
		status, out, said := run("--simulated", "20", "--minutes", "10")
		if status != 0 || !strings.Contains(out, "40 ticks, 0 lost") {
			t.Errorf("status %d, %s%s", status, out, said)
		}
	})
	for name, arguments := range map[string][]string{
		"neither tracks nor a world": {}, "both": {"--tracks", "/x", "--simulated", "5"}, "too many aircraft": {"--simulated", "1000000"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if status, out, said := run(arguments...); status != 2 || said == "" {
				t.Errorf("status %d, %s%s", status, out, said)
			}
		})
	}
}
