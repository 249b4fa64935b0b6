package vatsim

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/skyledger/skyledger/internal/fault"
)

const (
	maxPlanText = 8 << 10 // bytes of remarks and route; 463 and 752 seen
	maxPlanWord = 64      // bytes of any other text; 51 seen
)

// Hash returns a number that is equal for equal plans, the same in every run of
// the program, and never 0. The empty plan has one as well.
func (p Plan) Hash() int64 {
	if hash := int64(xxhash.Sum64(p)); hash != 0 {
		return hash
	}
	return 1
}

// Clone returns a copy that does not refer to the body; nil for an empty plan.
func (p Plan) Clone() Plan { return bytes.Clone(p) }

// Parse reads the plan. Whatever is inside it, a field that is not of its type
// is "" or 0; remarks and route are cut at 8 KiB, other texts at 64 bytes. An
// empty plan is the zero FlightPlan. The error, fault.Upstream "plan_malformed",
// is only for bytes that are no JSON object, which Decode never returns.
func (p Plan) Parse() (FlightPlan, error) {
	var plan FlightPlan
	if len(p) == 0 {
		return plan, nil
	}
	raw := bytes.TrimSpace(p)
	if !jsontext.Value(raw).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) || raw[0] != '{' {
		return plan, fault.E("vatsim.Plan.Parse", fault.Upstream, "plan_malformed", nil)
	}
	text := newTexts()
	for name, value := range members(raw) {
		plan.set(&text, string(text.unquoted(name)), value)
	}
	return plan, nil
}

func (f *FlightPlan) set(text *texts, name string, value []byte) {
	if name == "revision_id" {
		if number, ok := parseInt(value); ok && number >= 0 && number <= maxCID {
			f.RevisionID = int32(number)
		}
		return
	}
	target, limit := f.text(name)
	if target == nil {
		return
	}
	*target = ""
	if value[0] == '"' {
		*target = string(cutText(text.unquoted(value), limit))
	}
	if name == "assigned_transponder" && *target == "0000" {
		*target = ""
	}
}

// text returns where the text of that name goes and how long it may be; nil for
// a name that is none of a plan's.
func (f *FlightPlan) text(name string) (target *string, limit int) {
	switch name {
	case "flight_rules":
		return &f.FlightRules, maxPlanWord
	case "aircraft":
		return &f.Aircraft, maxPlanWord
	case "aircraft_faa":
		return &f.AircraftFAA, maxPlanWord
	case "aircraft_short":
		return &f.AircraftShort, maxPlanWord
	case "departure":
		return &f.Departure, maxPlanWord
	case "arrival":
		return &f.Arrival, maxPlanWord
	case "alternate":
		return &f.Alternate, maxPlanWord
	case "cruise_tas":
		return &f.CruiseTAS, maxPlanWord
	case "altitude":
		return &f.Altitude, maxPlanWord
	case "deptime":
		return &f.Deptime, maxPlanWord
	case "enroute_time":
		return &f.EnrouteTime, maxPlanWord
	case "fuel_time":
		return &f.FuelTime, maxPlanWord
	case "remarks":
		return &f.Remarks, maxPlanText
	case "route":
		return &f.Route, maxPlanText
	case "assigned_transponder":
		return &f.AssignedTransponder, maxPlanWord
	default:
		return nil, 0
	}
}

// ParseAltitude reads a filed altitude as feet: "35000", "350", "FL330" and
// "F341" are levels, "A045" an altitude in hundreds of feet; below 1,000 a
// number means hundreds of feet. "VFR", "", 0 and anything else are not ok.
func ParseAltitude(filed string) (feet int, ok bool) {
	digits := strings.ToUpper(strings.TrimSpace(filed))
	for _, prefix := range []string{"FL", "F", "A"} {
		if rest, found := strings.CutPrefix(digits, prefix); found {
			digits = strings.TrimSpace(rest)
			break
		}
	}
	if len(digits) == 0 || len(digits) > 5 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	feet, _ = strconv.Atoi(digits)
	if feet < 1000 {
		feet *= 100
	}
	return feet, feet > 0
}
