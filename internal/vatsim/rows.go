package vatsim

import "bytes"

// pilot reads a pilot's row. Identity and position must be right; the rest may
// be missing or odd.
func (d *decoder) pilot(row *values, p *Pilot) (reason string) {
	if p.CID, p.Callsign, reason = d.identity(row); reason != "" {
		return reason
	}
	if p.LogonTime, reason = requiredTime(row[fieldLogonTime], "logon_time"); reason != "" {
		return reason
	}
	if p.Latitude, reason = requiredDegrees(row[fieldLatitude], "latitude", 90*degree); reason != "" {
		return reason
	}
	if p.Longitude, reason = requiredDegrees(row[fieldLongitude], "longitude", 180*degree); reason != "" {
		return reason
	}
	altitude, reason := requiredInt(row[fieldAltitude], "altitude", minAltitude, maxAltitude)
	if reason != "" {
		return reason
	}
	groundspeed, reason := requiredInt(row[fieldGroundspeed], "groundspeed", 0, maxGroundspeed)
	if reason != "" {
		return reason
	}
	heading, reason := requiredInt(row[fieldHeading], "heading", 0, 360)
	if reason != "" {
		return reason
	}
	p.Altitude, p.Groundspeed, p.Heading = int32(altitude), int16(groundspeed), int16(heading%360)
	p.Squawk = d.squawk(row[fieldTransponder])

	p.Name = d.optionalText(KindPilot, row[fieldName], "name", maxName)
	p.Server = d.server(KindPilot, row[fieldServer])
	p.PilotRating = d.optionalRating(KindPilot, row[fieldPilotRating], "pilot_rating", isPilotRating)
	p.MilitaryRating = d.optionalRating(KindPilot, row[fieldMilitaryRating], "military_rating", isMilitaryRating)
	p.QNHMillibar = int16(d.optionalInt(KindPilot, row[fieldQNHMillibar], "qnh_mb", 0, 1<<15-1))
	p.LastUpdated = d.optionalTime(KindPilot, row[fieldLastUpdated], "last_updated")
	p.Plan = d.plan(KindPilot, row[fieldFlightPlan])
	return ""
}

// controller reads a row of the controllers' or the ATIS section.
func (d *decoder) controller(kind Kind, row *values, c *Controller) (reason string) {
	if c.CID, c.Callsign, reason = d.identity(row); reason != "" {
		return reason
	}
	if c.LogonTime, reason = requiredTime(row[fieldLogonTime], "logon_time"); reason != "" {
		return reason
	}
	// Without its facility a row could be an observer or a controller.
	if _, reason = requiredInt(row[fieldFacility], "facility", -1<<15, 1<<15-1); reason != "" {
		return reason
	}
	c.Facility = d.optionalRating(kind, row[fieldFacility], "facility", isFacility)
	c.Frequency = d.frequency(kind, row[fieldFrequency])

	c.Name = d.optionalText(kind, row[fieldName], "name", maxName)
	c.Server = d.server(kind, row[fieldServer])
	c.Rating = d.optionalRating(kind, row[fieldRating], "rating", isRating)
	c.VisualRange = int32(d.optionalInt(kind, row[fieldVisualRange], "visual_range", 0, 1<<31-1))
	c.LastUpdated = d.optionalTime(kind, row[fieldLastUpdated], "last_updated")
	c.Text = d.lines(kind, row[fieldTextATIS])
	if code := row[fieldATISCode]; !isNull(code) {
		c.ATISCode = d.optionalText(kind, code, "atis_code", maxATISCode)
	}
	return ""
}

func (d *decoder) prefile(row *values, p *Prefile) (reason string) {
	if p.CID, p.Callsign, reason = d.identity(row); reason != "" {
		return reason
	}
	p.Name = d.optionalText(KindPrefile, row[fieldName], "name", maxName)
	p.LastUpdated = d.optionalTime(KindPrefile, row[fieldLastUpdated], "last_updated")
	p.Plan = d.plan(KindPrefile, row[fieldFlightPlan])
	return ""
}

// squawk reads four octal digits; whatever else a transponder sends is NoSquawk
// (29 of 41,193 captured rows).
func (d *decoder) squawk(raw []byte) int16 {
	if len(raw) == len(`"7700"`) && raw[0] == '"' {
		code, octal := int16(0), true
		for _, c := range raw[1:5] {
			octal = octal && c >= '0' && c <= '7'
			code = code*10 + int16(c-'0')
		}
		if octal {
			return code
		}
	}
	d.tally.drift("pilots.squawk_not_octal")
	return NoSquawk
}

// frequency reads "118.700" as kHz. The feed's 199.998 means that none is set.
func (d *decoder) frequency(kind Kind, raw []byte) int32 {
	kilohertz, ok := parseMegahertz(raw)
	switch {
	case !ok:
		d.tally.driftName(kind.section()+".odd.", []byte("frequency"))
		return 0
	case kilohertz == unsetFrequency:
		return 0
	default:
		return kilohertz
	}
}

// plan keeps a plan as the body has it.
func (d *decoder) plan(kind Kind, raw []byte) Plan {
	switch {
	case isNull(raw):
		return nil
	case raw[0] != '{':
		d.tally.drift("plan_malformed")
		return nil
	case len(raw) > maxPlanLength:
		d.tally.drift(kind.section() + ".plan_large")
	}
	return Plan(raw)
}

// lines reads text_atis. A line that is no text is left out.
func (d *decoder) lines(kind Kind, raw []byte) []string {
	if isNull(raw) {
		return nil
	}
	if raw[0] != '[' {
		d.tally.driftName(kind.section()+".odd.", []byte("text_atis"))
		return nil
	}
	lines := make([]string, 0, min(bytes.Count(raw, []byte(`","`))+1, maxTextLines))
	for element := range elements(raw) {
		if len(lines) == maxTextLines {
			d.tally.driftName(kind.section()+".cut.", []byte("text_atis"))
			break
		}
		if element[0] != '"' {
			d.tally.driftName(kind.section()+".odd.", []byte("text_atis"))
			continue
		}
		lines = append(lines, d.optionalText(kind, element, "text_atis", maxTextLine))
	}
	return lines
}

func isNull(raw []byte) bool { return raw == nil || raw[0] == 'n' }
