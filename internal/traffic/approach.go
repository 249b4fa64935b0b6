package traffic

const (
	touchHeight = 150  // feet above the field: lower over a runway is a touch
	roundHeight = 1500 // feet above the field: a go-around begins below
	roundClimb  = 400  // feet that a go-around climbs at least
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
	e, found := f.approached(fixes, at, plan)
	if !found || e.kind == GoAround && fixes[last].altitude < fixes[at].altitude+roundClimb {
		return nil
	}
	e.from, e.to, e.since = fixes[at-1].at, fixes[at+1].at, fixes[last].at
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

// approached finds the runway that a low point is an approach to: the nearest
// whose line it is on, the filed arrival's first.
func (f *Fields) approached(fixes []fix, at int, plan Plan) (e event, found bool) {
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
			if height < touchHeight && along > -0.3 && across < besideMiles {
				e.kind = TouchAndGo
			}
		}
	})
	return e, found
}
