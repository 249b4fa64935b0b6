package evaluate

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/skyledger/skyledger/internal/fault"
)

// eventLabel is a row of labels_events.csv.
type eventLabel struct {
	File     string
	From, To int64 // report ids
	Events   []string
	Status   string // of the flight: Preparing, Departing, Departure, Flying, TouchedDown, Arrival, Arrived, Lost
	Change   string // Finished, Terminated: what the flight before did
	Dep, Arr string
	Case     string
	Active   bool
}

// flightLabel is a row of labels_flights.csv: a flight as a person saw it, with
// minutes as hh:mm, "" where nobody wrote them down.
type flightLabel struct {
	File, Callsign, Dep, Arr, Date        string
	FirstSeen, Takeoff, Landing, LastSeen string
}

// readLabels reads both files; one that is not there labels nothing.
func readLabels(dir string) (events []eventLabel, flights []flightLabel, err error) {
	err = readTable(filepath.Join(dir, "labels_events.csv"), func(get func(string) string) error {
		label := eventLabel{
			File: get("csv_file"), Status: get("flight_status"), Change: get("status_event"),
			Dep: get("route_dep"), Arr: get("route_arr"), Case: get("test_class"), Active: get("test_state") == "active",
		}
		var errFrom, errTo error
		label.From, errFrom = strconv.ParseInt(get("report_id_from"), 10, 64)
		label.To, errTo = strconv.ParseInt(get("report_id_to"), 10, 64)
		if errFrom != nil || errTo != nil {
			return fmt.Errorf("report_id_from or report_id_to is no number")
		}
		label.Events = strings.FieldsFunc(get("events"), func(r rune) bool { return strings.ContainsRune(" ;|,+/", r) })
		events = append(events, label)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = readTable(filepath.Join(dir, "labels_flights.csv"), func(get func(string) string) error {
		flights = append(flights, flightLabel{
			File: get("csv_file"), Callsign: get("callsign"), Dep: get("takeoff_icao"), Arr: get("landing_icao"), Date: get("date"),
			FirstSeen: get("first_seen"), Takeoff: get("takeoff"), Landing: get("landing"), LastSeen: get("last_seen"),
		})
		return nil
	})
	return events, flights, err
}

// readTable calls do for every row of a file with a header line.
func readTable(path string, do func(get func(name string) string) error) error {
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	rows, err := readCSV(path)
	if err != nil || len(rows) == 0 {
		return err
	}
	columns := map[string]int{}
	for i, name := range rows[0] {
		columns[strings.TrimSpace(name)] = i
	}
	for number, fields := range rows[1:] {
		err := do(func(name string) string {
			if i, found := columns[name]; found && i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		})
		if err != nil {
			return fault.E("evaluate.readTable", fault.Invalid, "labels", err).
				WithMessage(fmt.Sprintf("%s, line %d: %s.", path, number+2, err))
		}
	}
	return nil
}

// kindOf is the kind of movement that an event's name means, "" for one that is
// none, such as Online.
func kindOf(event string) string {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(event)) {
	case "takeoff", "departure":
		return "takeoff"
	case "landing":
		return "landing"
	case "touchandgo":
		return "touch_and_go"
	case "goaround":
		return "go_around"
	case "diversion", "diverted":
		return "diversion"
	default:
		return ""
	}
}
