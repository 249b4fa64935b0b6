package vatsim

import "slices"

// DecodeStations reads a transceivers body in one pass. What is wrong in it is
// left out: stations without a callsign, and single radios whose station is
// kept. Of several rows for one callsign the one with most radios is kept. A
// body that is not one complete JSON array is a fault.Upstream error with the
// reasons that Decode has.
func DecodeStations(body []byte) ([]Station, error) {
	stations, _, err := DecodeStationsCounted(body)
	return stations, err
}

// DecodeStationsCounted is DecodeStations that also counts what was left out, by
// reason: stations ("callsign_invalid", "duplicate") and radios
// ("transceiver_latitude_range").
func DecodeStationsCounted(body []byte) (stations []Station, rejects map[string]int, err error) {
	d := stationDecoder{decoder: newDecoder(body), rejects: make(map[string]int)}
	if err := d.all(); err != nil {
		return nil, nil, syntaxFault("vatsim.DecodeStations", body, err)
	}
	return d.unique(), d.rejects, nil
}

type stationDecoder struct {
	*decoder
	stations []Station
	radios   []Transceiver // the stations' radios lie here, one after the other
	rejects  map[string]int
}

func (d *stationDecoder) all() error {
	if d.json.PeekKind() != '[' {
		if err := d.json.SkipValue(); err != nil {
			return err
		}
		return errNotArray
	}
	if err := d.open(); err != nil {
		return err
	}
	const leastStation = 200 // bytes; one radio at full precision takes more
	d.stations = make([]Station, 0, len(d.body)/leastStation+1)
	for d.json.PeekKind() != ']' {
		raw, err := d.value()
		if err != nil {
			return err
		}
		if reason := d.station(raw); reason != "" {
			d.rejects[reason]++
		}
	}
	if err := d.open(); err != nil {
		return err
	}
	return d.end()
}

func (d *stationDecoder) station(raw []byte) (reason string) {
	if raw[0] != '{' {
		return "row_type"
	}
	var callsign, radios []byte
	for name, value := range members(raw) {
		switch string(d.text.unquoted(name)) {
		case "callsign":
			callsign = value
		case "transceivers":
			radios = value
		}
	}
	name, reason := d.callsign(callsign)
	switch {
	case reason != "":
		return reason
	case isNull(radios):
		d.stations = append(d.stations, Station{Callsign: name})
		return ""
	case radios[0] != '[':
		return "transceivers_type"
	}
	first := len(d.radios)
	for element := range elements(radios) {
		radio, reason := transceiver(element)
		if reason != "" {
			d.rejects["transceiver_"+reason]++
			continue
		}
		d.radios = append(d.radios, radio)
	}
	d.stations = append(d.stations, Station{Callsign: name, Transceivers: d.radios[first:len(d.radios):len(d.radios)]})
	return ""
}

func transceiver(raw []byte) (radio Transceiver, reason string) {
	if raw[0] != '{' {
		return radio, "row_type"
	}
	var id, frequency, latitude, longitude, heightMSL, heightAGL []byte
	for name, value := range members(raw) {
		switch string(name) {
		case `"id"`:
			id = value
		case `"frequency"`:
			frequency = value
		case `"latDeg"`:
			latitude = value
		case `"lonDeg"`:
			longitude = value
		case `"heightMslM"`:
			heightMSL = value
		case `"heightAglM"`:
			heightAGL = value
		}
	}
	if radio.Latitude, reason = requiredDegrees(latitude, "latitude", 90*degree); reason != "" {
		return radio, reason
	}
	if radio.Longitude, reason = requiredDegrees(longitude, "longitude", 180*degree); reason != "" {
		return radio, reason
	}
	hertz, reason := requiredInt(frequency, "frequency", 0, 1_000_000_000)
	if reason != "" {
		return radio, reason
	}
	radio.Frequency = int32((hertz + 500) / 1000)
	// Where it stands and what it is tuned to matter; the rest may be missing.
	radio.ID = looseInt(id)
	radio.HeightMSL = looseInt(heightMSL)
	radio.HeightAGL = looseInt(heightAGL)
	return radio, ""
}

func looseInt(raw []byte) int32 {
	number, ok := parseInt(raw)
	if !ok || number < -1<<31 || number > 1<<31-1 {
		return 0
	}
	return int32(number)
}

// unique keeps one row of each callsign, whatever their order: the one with
// most radios, then the one whose radios come first.
func (d *stationDecoder) unique() []Station {
	best := make(map[string]int, len(d.stations))
	kept := d.stations[:0]
	for _, station := range d.stations {
		at, known := best[station.Callsign]
		if !known {
			best[station.Callsign] = len(kept)
			kept = append(kept, station)
			continue
		}
		d.rejects["duplicate"]++
		if compareRadios(station.Transceivers, kept[at].Transceivers) < 0 {
			kept[at] = station
		}
	}
	return kept
}

func compareRadios(a, b []Transceiver) int {
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return slices.CompareFunc(a, b, func(x, y Transceiver) int {
		return slices.Compare(x.order(), y.order())
	})
}

func (t Transceiver) order() []int32 {
	return []int32{t.ID, t.Frequency, t.Latitude, t.Longitude, t.HeightMSL, t.HeightAGL}
}
