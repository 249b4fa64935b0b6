package vatsim

// field is one of the fields that any kind of row has.
type field uint8

// The fields in the order in which they are judged: a row with several faults
// is rejected for the first of them, however the feed orders its keys.
const (
	fieldCID field = iota
	fieldCallsign
	fieldLogonTime
	fieldLatitude
	fieldLongitude
	fieldAltitude
	fieldGroundspeed
	fieldHeading
	fieldFacility
	fieldTransponder
	fieldFrequency
	fieldName
	fieldServer
	fieldPilotRating
	fieldMilitaryRating
	fieldRating
	fieldQNHMillibar
	fieldQNHInches
	fieldVisualRange
	fieldATISCode
	fieldTextATIS
	fieldLastUpdated
	fieldFlightPlan
	fieldCount
)

// fieldOf returns the field of a name; ok is false for names the feed has not
// had so far.
func fieldOf(name []byte) (f field, ok bool) {
	switch string(name) {
	case "cid":
		return fieldCID, true
	case "callsign":
		return fieldCallsign, true
	case "logon_time":
		return fieldLogonTime, true
	case "latitude":
		return fieldLatitude, true
	case "longitude":
		return fieldLongitude, true
	case "altitude":
		return fieldAltitude, true
	case "groundspeed":
		return fieldGroundspeed, true
	case "heading":
		return fieldHeading, true
	case "facility":
		return fieldFacility, true
	case "transponder":
		return fieldTransponder, true
	case "frequency":
		return fieldFrequency, true
	case "name":
		return fieldName, true
	case "server":
		return fieldServer, true
	case "pilot_rating":
		return fieldPilotRating, true
	case "military_rating":
		return fieldMilitaryRating, true
	case "rating":
		return fieldRating, true
	case "qnh_mb":
		return fieldQNHMillibar, true
	case "qnh_i_hg":
		return fieldQNHInches, true
	case "visual_range":
		return fieldVisualRange, true
	case "atis_code":
		return fieldATISCode, true
	case "text_atis":
		return fieldTextATIS, true
	case "last_updated":
		return fieldLastUpdated, true
	case "flight_plan":
		return fieldFlightPlan, true
	default:
		return 0, false
	}
}

// The fields that each kind of row has, as bit sets.
const (
	identityFields   = 1<<fieldCID | 1<<fieldCallsign | 1<<fieldName | 1<<fieldLastUpdated
	connectionFields = identityFields | 1<<fieldLogonTime | 1<<fieldServer
	prefileFields    = identityFields | 1<<fieldFlightPlan
	pilotFields      = connectionFields | 1<<fieldLatitude | 1<<fieldLongitude | 1<<fieldAltitude |
		1<<fieldGroundspeed | 1<<fieldHeading | 1<<fieldTransponder | 1<<fieldPilotRating |
		1<<fieldMilitaryRating | 1<<fieldQNHMillibar | 1<<fieldQNHInches | 1<<fieldFlightPlan
	controllerFields = connectionFields | 1<<fieldFacility | 1<<fieldFrequency | 1<<fieldRating |
		1<<fieldVisualRange | 1<<fieldTextATIS
	atisFields = controllerFields | 1<<fieldATISCode
)

func (k Kind) fields() uint32 {
	switch k {
	case KindPilot:
		return pilotFields
	case KindController:
		return controllerFields
	case KindATIS:
		return atisFields
	default:
		return prefileFields
	}
}

// section returns the name of the kind's section in the feed.
func (k Kind) section() string {
	switch k {
	case KindPilot:
		return "pilots"
	case KindController:
		return "controllers"
	case KindATIS:
		return "atis"
	default:
		return "prefiles"
	}
}

// values are a row's fields as raw JSON; nil where the row has none. When a row
// repeats a name the last one counts, as everywhere in JSON's world.
type values [fieldCount][]byte

// row reads one row and appends it to its section, or counts why not.
func (d *decoder) row(kind Kind) error {
	if d.json.PeekKind() != '{' {
		if err := d.json.SkipValue(); err != nil {
			return err
		}
		d.tally.reject(kind, "row_type")
		return nil
	}
	if err := d.open(); err != nil {
		return err
	}
	start := uint32(d.json.InputOffset()) - 1
	var row values
	known := kind.fields()
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		f, ok := fieldOf(name)
		if ok = ok && known&(1<<f) != 0; !ok {
			d.tally.driftName(kind.section()+".unknown_field.", name)
		}
		raw, err := d.value()
		if err != nil {
			return err
		}
		if ok {
			row[f] = raw
		}
	}
	if err := d.open(); err != nil {
		return err
	}
	if reason := d.keep(kind, &row); reason != "" {
		d.tally.reject(kind, reason)
		return nil
	}
	d.starts[kind] = append(d.starts[kind], start)
	return nil
}

// keep appends the row to its section and returns "", or returns the reason why
// it must be rejected.
func (d *decoder) keep(kind Kind, row *values) (reason string) {
	s := &d.snapshot
	switch kind {
	case KindPilot:
		s.Pilots = append(s.Pilots, Pilot{})
		if reason = d.pilot(row, &s.Pilots[len(s.Pilots)-1]); reason != "" {
			s.Pilots = s.Pilots[:len(s.Pilots)-1]
		}
	case KindController:
		s.Controllers = append(s.Controllers, Controller{})
		if reason = d.controller(kind, row, &s.Controllers[len(s.Controllers)-1]); reason != "" {
			s.Controllers = s.Controllers[:len(s.Controllers)-1]
		}
	case KindATIS:
		s.ATIS = append(s.ATIS, Controller{})
		if reason = d.controller(kind, row, &s.ATIS[len(s.ATIS)-1]); reason != "" {
			s.ATIS = s.ATIS[:len(s.ATIS)-1]
		}
	case KindPrefile:
		s.Prefiles = append(s.Prefiles, Prefile{})
		if reason = d.prefile(row, &s.Prefiles[len(s.Prefiles)-1]); reason != "" {
			s.Prefiles = s.Prefiles[:len(s.Prefiles)-1]
		}
	}
	return reason
}
