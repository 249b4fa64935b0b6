package vatsim

import "slices"

// sections remembers which sections of rows a body has shown.
type sections [KindPrefile + 1]bool

func (d *decoder) section(name []byte, seen *sections) error {
	switch string(name) {
	case "general":
		return d.general()
	case "pilots":
		return d.rows(KindPilot, seen)
	case "controllers":
		return d.rows(KindController, seen)
	case "atis":
		return d.rows(KindATIS, seen)
	case "prefiles":
		return d.rows(KindPrefile, seen)
	case "servers", "facilities", "ratings", "pilot_ratings", "military_ratings":
		return d.json.SkipValue()
	default:
		d.tally.driftName("unknown_section.", name)
		return d.json.SkipValue()
	}
}

// general reads the header. An update_timestamp that cannot be read stays zero,
// which refuses the body once all of it is known to be complete.
func (d *decoder) general() error {
	if d.json.PeekKind() != '{' {
		return d.json.SkipValue()
	}
	if err := d.open(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		field := fieldOfGeneral(name)
		if field == generalUnknown {
			d.tally.driftName("general.unknown_field.", name)
		}
		raw, err := d.value()
		if err != nil {
			return err
		}
		d.generalField(field, raw)
	}
	return d.open()
}

type generalField int

const (
	generalUnknown generalField = iota
	generalIgnored
	generalTimestamp
	generalClients
	generalUsers
)

func fieldOfGeneral(name []byte) generalField {
	switch string(name) {
	case "update_timestamp":
		return generalTimestamp
	case "connected_clients":
		return generalClients
	case "unique_users":
		return generalUsers
	case "version", "reload", "update":
		return generalIgnored
	default:
		return generalUnknown
	}
}

func (d *decoder) generalField(field generalField, raw []byte) {
	switch field {
	case generalTimestamp:
		d.snapshot.UpdateTimestamp, _ = parseTime(raw)
	case generalClients:
		d.snapshot.ConnectedClients = d.generalCount("general.type.connected_clients", raw)
	case generalUsers:
		d.snapshot.UniqueUsers = d.generalCount("general.type.unique_users", raw)
	}
}

func (d *decoder) generalCount(key string, raw []byte) int {
	count, ok := parseInt(raw)
	if !ok || count < 0 || count > 1<<30 {
		d.tally.drift(key)
		return 0
	}
	return int(count)
}

// rows reads one section of rows. A section that is null counts as missing;
// one that is anything but an array makes the body no feed.
func (d *decoder) rows(kind Kind, seen *sections) error {
	switch d.json.PeekKind() {
	case '[':
	case 'n':
		return d.json.SkipValue()
	default:
		if err := d.json.SkipValue(); err != nil {
			return err
		}
		return errSectionType
	}
	if seen[kind] {
		d.tally.drift("section_repeated." + kind.String())
	}
	seen[kind] = true
	if err := d.open(); err != nil {
		return err
	}
	d.reserve(kind)
	for d.json.PeekKind() != ']' {
		if err := d.row(kind); err != nil {
			return err
		}
	}
	return d.open()
}

// missing counts the sections that a body did not have, and settles which of
// several rows for one connection is kept.
func (d *decoder) missing(seen sections) {
	for kind := KindPilot; kind <= KindPrefile; kind++ {
		if !seen[kind] {
			d.tally.drift("section_missing." + kind.String())
		}
	}
	s := &d.snapshot
	s.Duplicates = make(map[Kind]int)
	s.Pilots = unique(d, KindPilot, s.Pilots)
	s.Controllers = unique(d, KindController, s.Controllers)
	s.ATIS = unique(d, KindATIS, s.ATIS)
	s.Prefiles = unique(d, KindPrefile, s.Prefiles)
}

// reserve makes room for the rows that the header promises, as far as the body
// is long enough to hold them: growing a slice of thousands of pilots step by
// step would allocate several times its size.
func (d *decoder) reserve(kind Kind) {
	const leastRow = 400 // bytes; real rows are 300 without a plan to 2,500
	clients := min(d.snapshot.ConnectedClients, len(d.body)/leastRow)
	s := &d.snapshot
	var room int
	switch kind {
	case KindPilot:
		room = clients*7/8 + 8 // 81–91 % of clients in captured bodies
		s.Pilots = slices.Grow(s.Pilots, room)
	case KindController:
		room = max(clients-len(s.Pilots), 0) + 8
		s.Controllers = slices.Grow(s.Controllers, room)
	case KindATIS:
		room = max(clients-len(s.Pilots)-len(s.Controllers), 0) + 8
		s.ATIS = slices.Grow(s.ATIS, room)
	case KindPrefile:
		room = clients/10 + 8
		s.Prefiles = slices.Grow(s.Prefiles, room)
	}
	d.starts[kind] = slices.Grow(d.starts[kind], room)
}
