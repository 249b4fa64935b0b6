package evaluate

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// report is one row of a track: what one snapshot says of one pilot.
type report struct {
	ID    int64
	At    time.Time
	Pilot *vatsim.Pilot // nil: not online
}

// track is a file of reports, by time.
type track struct {
	File    string
	Reports []report
	Placed  bool // the rows have positions
}

// stamp is how the files write a time, in UTC.
const stamp = "20060102150405"

// readTracks reads every track of a folder, by name.
func readTracks(dir string) ([]track, error) {
	const op = "evaluate.readTracks"
	paths, err := filepath.Glob(filepath.Join(dir, "track*.csv"))
	if err != nil || len(paths) == 0 {
		return nil, fault.E(op, fault.NotFound, "no_tracks", err).WithMessage("There is no track*.csv in " + dir + ".")
	}
	slices.Sort(paths)
	var out []track
	for _, path := range paths {
		rows, err := readCSV(path)
		if err != nil {
			return nil, err
		}
		t, err := parseTrack(rows)
		if err != nil {
			return nil, fault.E(op, fault.Invalid, "track", err).WithMessage(filepath.Base(path) + ": " + err.Error())
		}
		t.File = filepath.Base(path)
		out = append(out, t)
	}
	return out, nil
}

// readCSV reads a file's rows, the header line first; they may differ in length.
func readCSV(path string) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.E("evaluate.readCSV", fault.NotFound, "file", err).WithMessage("Cannot read " + path + ".")
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = -1
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fault.E("evaluate.readCSV", fault.Invalid, "csv", err).WithMessage(path + " is no CSV file.")
	}
	return rows, nil
}

// row is what both sets of columns have in common.
type row struct {
	cid, callsign, altitude, groundspeed, heading, qnh, aircraft, departure, arrival, lat, lon string
}

// parseTrack makes reports of rows, in the order of their times. A callsign that
// is new or back again is a new session: the files do not say when it logged on.
func parseTrack(rows [][]string) (track, error) {
	if len(rows) == 0 {
		return track{}, fmt.Errorf("there is no header line")
	}
	columns := map[string]int{}
	for i, name := range rows[0] {
		columns[strings.TrimSpace(name)] = i
	}
	var out track
	for number, fields := range rows[1:] {
		r, err := parseReport(columns, fields, &out)
		if err != nil {
			return track{}, fmt.Errorf("line %d: %w", number+2, err)
		}
		out.Reports = append(out.Reports, r)
	}
	slices.SortStableFunc(out.Reports, func(a, b report) int { return a.At.Compare(b.At) })
	var before *vatsim.Pilot
	for i := range out.Reports {
		p := out.Reports[i].Pilot
		if p != nil {
			p.LogonTime = out.Reports[i].At
			if before != nil && before.CID == p.CID && before.Callsign == p.Callsign {
				p.LogonTime = before.LogonTime
			}
		}
		before = p
	}
	return out, nil
}

func parseReport(columns map[string]int, fields []string, t *track) (report, error) {
	if len(fields) < 3 {
		return report{}, fmt.Errorf("there are %d fields", len(fields))
	}
	id, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return report{}, fmt.Errorf("report_id %q is no number", fields[0])
	}
	at, err := time.Parse(stamp, fields[1])
	if err != nil {
		return report{}, fmt.Errorf("report_utc %q is no time", fields[1])
	}
	r := readRow(columns, fields)
	out := report{ID: id, At: at}
	if r.callsign == "" {
		return out, nil
	}
	p, err := r.pilot(at)
	if err != nil {
		return report{}, err
	}
	t.Placed = t.Placed || r.lat != ""
	out.Pilot = p
	return out, nil
}

// readRow reads the fields by the names in the header line, or, where the third
// field is a date, as the other set of columns has them whatever the header
// says: report_id, report_utc, the same time again, a row's id, …, then eight
// fields from the seventh on, of which the second is a flag, one is report_id
// again and one the cid, then callsign, altitude, groundspeed, QNH and aircraft.
func readRow(columns map[string]int, fields []string) row {
	if !strings.Contains(fields[2], "-") {
		get := func(name string) string {
			if i, found := columns[name]; found && i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		}
		return row{
			cid: get("cid"), callsign: get("callsign"), altitude: get("altitude_ft"), groundspeed: get("groundspeed_kt"),
			heading: get("heading_deg"), qnh: get("qnh_mb"), aircraft: get("aircraft"), departure: get("departure"), arrival: get("arrival"),
			lat: get("latitude"), lon: get("longitude"),
		}
	}
	if len(fields) < 15 {
		return row{}
	}
	cid := fields[9]
	if cid == fields[0] {
		cid = fields[8]
	}
	return row{cid: cid, callsign: fields[10], altitude: fields[11], groundspeed: fields[12], qnh: fields[13], aircraft: fields[14]}
}

func (r row) pilot(at time.Time) (*vatsim.Pilot, error) {
	p := &vatsim.Pilot{Callsign: r.callsign, LastUpdated: at}
	var err error
	number := func(name, text string, scale float64) int64 {
		if text == "" {
			return 0
		}
		value, wrong := strconv.ParseFloat(text, 64)
		if wrong != nil && err == nil {
			err = fmt.Errorf("%s %q is no number", name, text)
		}
		return int64(value*scale + 0.5*float64(sign(value)))
	}
	p.CID = int32(number("cid", r.cid, 1))
	p.Altitude = int32(number("altitude_ft", r.altitude, 1))
	p.Groundspeed = int16(number("groundspeed_kt", r.groundspeed, 1))
	p.Heading = int16(number("heading_deg", r.heading, 1)) % 360
	p.QNHMillibar = int16(number("qnh_mb", r.qnh, 1))
	p.Latitude = int32(number("latitude", r.lat, 1e5))
	p.Longitude = int32(number("longitude", r.lon, 1e5))
	if err != nil {
		return nil, err
	}
	if r.aircraft != "" || r.departure != "" || r.arrival != "" {
		p.Plan, err = json.Marshal(map[string]string{"aircraft": r.aircraft, "departure": r.departure, "arrival": r.arrival})
	}
	return p, err
}

func sign(x float64) int {
	if x < 0 {
		return -1
	}
	return 1
}
