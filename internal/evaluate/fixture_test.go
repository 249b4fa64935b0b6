package evaluate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// embedded is decoded once for all tests.
var embedded = sync.OnceValues(reference.Embedded)

func world(t testing.TB) *reference.World {
	t.Helper()
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

const (
	trackHeader  = "report_id,report_utc,network_clients,network_pilots,cid,callsign,altitude_ft,groundspeed_kt,heading_deg,qnh_mb,aircraft,departure,arrival,latitude,longitude"
	eventHeader  = "csv_file,pilot_cid,report_id_from,report_id_to,report_utc_from,report_utc_to,events,flight_status,status_event,route_dep,route_arr,last_seen_icao,test_class,test_state"
	flightHeader = "csv_file,pilot_cid,callsign,takeoff_icao,landing_icao,date,first_seen,takeoff,landing,last_seen"
)

// seen is a report of a hand-made track; the zero seen is not online.
type seen struct {
	altitude, speed, heading int
	lat, lon                 float64
}

// hop are reports, two minutes apart, of a flight from Gatwick's stand to
// Heathrow's: reports 1 and 2 stand, 3 to 5 fly, 6 and 7 are down, 8 is gone.
func hop() []seen {
	return []seen{
		{207, 0, 167, 51.15459, -0.17616}, {207, 0, 167, 51.15459, -0.17616},
		{900, 160, 258, 51.1470, -0.2200}, {3000, 210, 300, 51.2500, -0.4000}, {2000, 160, 90, 51.4776, -0.6000},
		{83, 20, 90, 51.4700, -0.4500}, {83, 0, 90, 51.4700, -0.4500}, {},
	}
}

// rows writes reports in the columns of the header line.
func rows(callsign string, reports []seen) []string {
	out := []string{trackHeader}
	for i, r := range reports {
		at := time.Date(2024, 5, 1, 10, 2*i, 0, 0, time.UTC).Format(stamp)
		if r == (seen{}) {
			out = append(out, fmt.Sprintf("%d,%s,700,600,,,,,,,,,,,", i+1, at))
			continue
		}
		out = append(out, fmt.Sprintf("%d,%s,700,600,1000001,%s,%d,%d,%d,1013,A320,EGKK,EGLL,%.5f,%.5f",
			i+1, at, callsign, r.altitude, r.speed, r.heading, r.lat, r.lon))
	}
	return out
}

// shifted writes them in the other set of columns, under the same header line.
func shifted(callsign string, reports []seen) []string {
	out := []string{trackHeader}
	for i, r := range reports {
		at := time.Date(2024, 5, 1, 10, 2*i, 0, 0, time.UTC)
		line := fmt.Sprintf("%d,%s,%s,20000%d,1900003,N", i+1, at.Format(stamp), at.Format(time.DateTime), i)
		if r == (seen{}) {
			out = append(out, line+",,,,,,,,,")
			continue
		}
		out = append(out, fmt.Sprintf("%s,%d,0,%d,1000001,%s,%d,%d,1013,A320/G", line, 300+i, i+1, callsign, r.altitude, r.speed))
	}
	return out
}

// event writes a row of labels_events.csv.
func event(from, to int, events, status, change, dep, arr, state string) string {
	return fmt.Sprintf("track01.csv,1000001,%d,%d,,,%s,%s,%s,%s,%s,,Case,%s", from, to, events, status, change, dep, arr, state)
}

// folder writes a folder of tracks and labels.
func folder(t *testing.T, track, events, flights []string) string {
	t.Helper()
	dir := t.TempDir()
	for name, lines := range map[string][]string{
		"track01.csv": track, "labels_events.csv": append([]string{eventHeader}, events...), "labels_flights.csv": append([]string{flightHeader}, flights...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
