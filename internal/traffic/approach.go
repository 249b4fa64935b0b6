package traffic

const (
	touchHeight = 150  // feet above the field: lower over a runway is a touch
	roundHeight = 1500 // feet above the field: a go-around begins below
	roundClimb  = 400  // feet that a go-around climbs at least
	onRunway    = 30   // feet above the field: as low is on the ground
	camedown    = 100  // feet higher that it was before, for the low point to be one
)

// low tells of the low points of a climb: a touch-and-go that shows no report
// on the ground (a V under 150 ft over a runway), or a go-around.
func (f *Fields) low(t *Track, plan Plan) []Movement {
	fixes := t.seen()
	last := len(fixes) - 1
	if last < 2 || fixes[last].altitude <= fixes[last-1].altitude || fixes[last].altitude > highestField {
		return nil
	}
	at := t.lowest(t.scaled(roundTime))
	if at < 1 || fixes[last].altitude < fixes[at].altitude+airborneHeight || !t.cameDown(at) {
		return nil
	}
	dip, unknown := dipBeside(fixes, at)
	if unknown {
		return nil
	}
	e, found := f.approached(fixes, at, dip, plan)
	if !found || e.kind == GoAround && fixes[last].altitude < fixes[at].altitude+roundClimb {
		return nil
	}
	e.from, e.to, e.since = fixes[at-1].at, fixes[at+1].at, fixes[last].at
	if feet, _ := f.elevation(e.field); e.kind == TouchAndGo && fixes[at].altitude-feet <= onRunway {
		on := at
		for on > 1 && fixes[on-1].at >= t.since && touches(&fixes[on-1], &fixes[on]) {
			on--
		}
		e.from, e.to = fixes[on-1].at, fixes[on].at
	}
	return f.tell(t, plan, e)
}

// lowest is the index of the lowest fix but the last, of those within a time
// that belong to no movement yet; −1 when there is none.
func (t *Track) lowest(within int64) int {
	fixes := t.seen()
	last, at := len(fixes)-1, -1
	for i := range last {
		if fixes[i].at < t.since || fixes[last].at-fixes[i].at > within || fixes[i].state == Ground {
			continue
		}
		if at < 0 || fixes[i].altitude <= fixes[at].altitude {
			at = i
		}
	}
	return at
}

// cameDown reports whether the aircraft was higher before a fix.
func (t *Track) cameDown(at int) bool {
	for i := at - 1; i >= 0 && t.fixes[i].at >= t.since; i-- {
		if t.fixes[i].altitude >= t.fixes[at].altitude+camedown {
			return true
		}
	}
	return false
}

// dipBeside is how many feet below the low point the aircraft was, where reports
// were lost beside it: down to where its descent before and its climb after
// meet. Only a gap among denser reports is bridged so, for at a cadence of
// minutes nobody descends and climbs evenly, and none of more than 100 s. Where it
// is not known what happened, or not before the next report, nothing is told.
func dipBeside(fixes []fix, at int) (feet int32, unknown bool) {
	const gap, dense, longest = 1.8, 30e6, 100e6 // times the neighbours' distance; microseconds
	for p := max(1, at-1); p <= at; p++ {
		length, usual := float64(fixes[p+1].at-fixes[p].at), float64(fixes[p].at-fixes[p-1].at)
		if usual > dense || length < gap*usual {
			continue
		}
		if length > longest || p+2 >= len(fixes) {
			return 0, true
		}
		down := rate(&fixes[p-1], &fixes[p])
		up := rate(&fixes[p+1], &fixes[p+2])
		if down >= 0 || up <= 0 {
			continue
		}
		meet := (float64(fixes[p+1].altitude-fixes[p].altitude) - up*length) / (down - up)
		if meet > 0 && meet < length {
			feet = max(feet, fixes[at].altitude-fixes[p].altitude-int32(down*meet))
		}
	}
	return feet, false
}

// rate is in feet a microsecond.
func rate(a, b *fix) float64 { return float64(b.altitude-a.altitude) / float64(b.at-a.at) }

// approached finds the runway that a low point is an approach to: the nearest
// whose line it is on, the filed arrival's first. dip is how many feet lower it
// was when nobody saw it, on its way along the runway.
func (f *Fields) approached(fixes []fix, at int, dip int32, plan Plan) (e event, found bool) {
	lat, lon := fixes[at].degrees()
	heading := course(fixes, at)
	best := approachMiles + 1.0
	f.each(lat, lon, approachMiles+2.5, func(number int32, _ *airport) {
		feet, _ := f.elevation(number)
		height := fixes[at].altitude - feet
		if height >= roundHeight || height < -touchHeight {
			return
		}
		filed := f.code(number) == plan.Arrival
		for i := range f.runways(number) {
			r := &f.runways(number)[i]
			along, across := r.from(lat, lon)
			if !r.aligned(heading) || along < -approachMiles || along > r.length || across > besideMiles+0.06*max(0, -along) {
				continue
			}
			score := max(0, -along) + 2*across
			if filed {
				score -= approachMiles
			}
			if score >= best {
				continue
			}
			best, found = score, true
			e = event{kind: GoAround, field: number, distance: max(0, -along), runway: used{r.ident, across}, placed: true}
			if height < touchHeight && along > -0.3 && across < besideMiles || dip > 0 && height-dip < touchHeight && along > -1 {
				e.kind = TouchAndGo
			}
		}
	})
	if found {
		// Of parallel runways the one that the whole approach kept to.
		feet, _ := f.elevation(e.field)
		if kept := f.landed(e.field, fixes[:at+1], feet); kept.ident != "" {
			e.runway = kept
		}
	}
	return e, found
}
