package simulator

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// The facilities' numbers in the feed.
const (
	facilityObserver   = 0
	facilityFSS        = 1
	facilityDelivery   = 2
	facilityGround     = 3
	facilityTower      = 4
	facilityApproach   = 5
	facilityCentre     = 6
	ratingSupervisor   = 11
	frequencyNotSetKHz = 199998
)

// tower is the places that can be staffed and how many people staff them.
type tower struct {
	seed        uint64
	posts       []post
	firs        []centre
	slots       int64 // of controllers
	observers   int64 // slots of observers
	supervisors int64 // the first controllers who have a second row
}

// post is a position somebody may log on to.
type post struct {
	prefix   string
	facility int
	airport  int // −1: a centre
	at       vec
	atis     []int // airports whose ATIS this post runs
}

// Shares measured over days; TestRates keeps them honest.
const (
	shiftShare    = 0.52 // of a controller's slot that is staffed
	observerShare = 0.36 // of the rows that are observers
)

func newTower(seed uint64, world *atlas, rows int) *tower {
	t := &tower{seed: seed, firs: centres()}
	order := make([]int, len(world.airports))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(world.airports[b].weight, world.airports[a].weight)
	})
	for n, i := range order {
		t.addAirport(world, i)
		if n%2 == 0 && n/2 < len(t.firs) {
			f := t.firs[n/2]
			t.posts = append(t.posts, post{prefix: f.prefix, facility: facilityCentre, airport: -1, at: fromDegrees(f.lat, f.lon)})
		}
	}
	t.giveATISToCentres(world)
	staffed := float64(rows) * (1 - observerShare)
	t.slots = int64(math.Ceil(staffed / shiftShare))
	t.observers = int64(math.Ceil(float64(rows) * observerShare / shiftShare))
	t.supervisors = int64(float64(rows) / 50)
	return t
}

func (t *tower) addAirport(world *atlas, i int) {
	a := &world.airports[i]
	prefix := a.icao
	if prefix[0] == 'K' {
		prefix = prefix[1:]
	}
	add := func(facility int, atis []int) {
		t.posts = append(t.posts, post{prefix: prefix, facility: facility, airport: i, at: a.at, atis: atis})
	}
	var tower, approach []int
	switch hashText(a.icao) % 5 {
	case 0, 1:
		tower = []int{i}
	case 2, 3:
		approach = []int{i}
	}
	add(facilityTower, tower)
	if a.weight >= 7 {
		add(facilityGround, nil)
	}
	add(facilityApproach, approach)
	if a.weight >= 18 {
		add(facilityDelivery, nil)
	}
}

// giveATISToCentres hands each remaining airport's ATIS to the nearest centre,
// up to four each.
func (t *tower) giveATISToCentres(world *atlas) {
	for i := range world.airports {
		if hashText(world.airports[i].icao)%5 != 4 {
			continue
		}
		var nearest *post
		for p := range t.posts {
			candidate := &t.posts[p]
			if candidate.facility == facilityCentre && (nearest == nil ||
				candidate.at.dot(world.airports[i].at) > nearest.at.dot(world.airports[i].at)) {
				nearest = candidate
			}
		}
		if len(nearest.atis) < 4 {
			nearest.atis = append(nearest.atis, i)
		}
	}
}

// shift is one controller's connection.
type shift struct {
	post     *post // nil: an observer
	callsign string
	cid      int32
	facility int
	rating   int
	visual   int
	server   string
	from, to int64 // Unix nanoseconds; from is the logon
	began    int64 // of the first connection of the shift: ATIS letters count from here
	kHz      int   // the frequency once it is set
	setAt    int64
	textAt   int64 // when controller information is first sent
	key      uint64
	away     bool
}

// window is the part of a slot's block that is staffed, with at most one break.
type window struct {
	block    uint64
	from, to int64
	out, in  int64 // the connection is lost between these; 0: never
}

// window returns the slot's shift and whether it is on at a moment, breaks
// included.
func (t *tower) window(kind uint64, slot int64, at int64) (window, bool) {
	const length = int64(4 * time.Hour)
	phase := int64(hash(t.seed, aboutShift, kind, uint64(slot)) % uint64(length))
	block := (at - phase) / length
	if (at-phase)%length < 0 {
		block--
	}
	r := newRandom(t.seed, aboutShift, kind, uint64(slot), uint64(block), 1)
	w := window{block: uint64(block), from: block*length + phase}
	lasting := r.between(0.18, 0.86)
	w.from += int64(r.unit() * (1 - lasting) * float64(length))
	w.to = w.from + int64(lasting*float64(length))
	if r.chance(0.06) {
		w.out = w.from + int64(r.between(0.2, 0.8)*float64(w.to-w.from))
		w.in = w.out + int64(r.between(20, 240)*1e9)
	}
	return w, at >= w.from && at < w.to
}

func (w window) away(at int64) bool { return w.in != 0 && at >= w.out && at < w.in }

// controller is who staffs a slot at a moment; away when only the connection
// is lost for a while.
func (t *tower) controller(slot int64, at int64) (shift, bool) {
	w, on := t.window(1, slot, at)
	if !on {
		return shift{}, false
	}
	r := newRandom(t.seed, aboutShift, uint64(slot), w.block, 2)
	// A slot has every t.slots-th post to itself, so no post is staffed twice.
	choices := max(1, len(t.posts)/int(t.slots))
	number := int(slot) + int(t.slots)*min(r.below(choices), r.below(choices))
	p := &t.posts[number%len(t.posts)]
	infix := ""
	if repeat := number / len(t.posts); repeat > 0 {
		infix = "_" + sector(repeat)
	}
	s := shift{
		post: p, callsign: p.prefix + infix + suffix(p.facility), cid: controllerCID(slot), facility: p.facility, away: w.away(at),
		began: w.from, from: w.from, to: w.to, key: hash(t.seed, hashText(p.prefix+infix), uint64(p.facility)),
	}
	if infix != "" {
		bare := *p
		bare.atis = nil
		s.post = &bare
	}
	s.rating = min(10, max(2, p.facility-1)+r.below(3))
	s.visual = [...]int{50, 600, 20, 20, 50, 150, 600}[p.facility]
	s.server = pick(r, servers)
	s.kHz = frequency(p.facility, s.key)
	s.setAt = w.from + int64(r.between(15, 32)*1e9)
	s.textAt = w.from + int64(r.between(20, 400)*1e9)
	if r.chance(0.2) {
		s.textAt = math.MaxInt64
	}
	if w.in != 0 && at >= w.in {
		s.from, s.setAt = w.in, w.in+int64(r.between(5, 31)*1e9)
	}
	s.from -= s.from % 100
	return s, true
}

// observer is who watches from a slot at a moment.
func (s *Simulator) observer(slot int64, at int64) (shift, bool) {
	t := s.tower
	w, on := t.window(2, slot, at)
	if !on || w.away(at) {
		return shift{}, false
	}
	r := newRandom(t.seed, aboutShift, uint64(slot), w.block, 3)
	out := shift{
		cid: controllerCID(t.slots + slot), facility: facilityObserver, rating: 1, visual: pick(r, []int{10, 40, 40, 40, 100, 150, 300}),
		server: pick(r, servers), began: w.from, from: w.from - w.from%100, to: w.to, kHz: frequencyNotSetKHz, textAt: math.MaxInt64,
	}
	if w.in != 0 && at >= w.in {
		out.from = w.in - w.in%100
	}
	if r.chance(0.2) {
		out.rating = 2 + r.below(6)
	}
	if r.chance(0.05) {
		out.kHz = 118000 + 25*r.below(680)
	}
	if r.chance(0.09) { // watches with the same account that flies
		out.cid = spreadCID(int64(r.below(int(s.slots)))*4 + int64(r.below(peoplePerSlot)))
	}
	code := uint64(s.slots)*2*callsignVariants + uint64(s.prefilers) + uint64(slot)
	if slot < 676 && slot%5 < 2 {
		out.callsign = string([]byte{'A' + byte(slot/26), 'A' + byte(slot%26)}) + "_OBS"
	} else {
		out.callsign = s.callsignOf(code, fleetShort, "EGLL")
	}
	return out, true
}

// supervisor is the second row of a controller.
func (t *tower) supervisor(slot int64, at int64) (shift, bool) {
	s, on := t.controller(slot, at)
	if !on {
		return s, false
	}
	h := hash(t.seed, aboutShift, uint64(slot), 5)
	s.post, s.rating, s.visual, s.kHz, s.textAt = nil, ratingSupervisor, 300, frequencyNotSetKHz, math.MaxInt64
	s.facility = int(h >> 40 % 2) // observer, or flight service as some clients say
	s.callsign = string([]byte{'A' + byte(slot/26%26), 'A' + byte(slot%26)}) + "_SUP"
	s.from = s.began + int64(h%240)*1e9
	return s, at >= s.from
}

func suffix(facility int) string {
	return [...]string{"_OBS", "_FSS", "_DEL", "_GND", "_TWR", "_APP", "_CTR"}[facility]
}

func sector(repeat int) string {
	names := []string{"N", "S", "E", "W", "1", "2", "3", "U", "L", "C"}
	name := names[repeat%len(names)]
	return name + strings.Repeat("X", repeat/len(names))
}

// frequency is a post's, in kHz as its name says: with 8.33 kHz spacing the
// name is up to 5 kHz from the carrier.
func frequency(facility int, key uint64) int {
	low, steps := 118000, 120
	switch facility {
	case facilityDelivery, facilityGround:
		low, steps = 121600, 15
	case facilityApproach:
		low, steps = 119000, 150
	case facilityCentre:
		low, steps = 123000, 510
	}
	kHz := low + 25*int(key%uint64(steps))
	if key>>20%5 < 2 {
		kHz += 5 * int(1+key>>30%3)
	}
	if kHz/100 == 1228 || kHz/100 == 1215 {
		kHz += 200
	}
	return kHz
}

// carrierHz is what a radio is really tuned to for a named frequency.
func carrierHz(kHz int, key uint64) int {
	if kHz%25 != 0 && key%2 == 0 {
		return (kHz - 5) * 1000
	}
	return kHz * 1000
}

var servers = []string{"USA-SE", "GERMANY2", "GERMANY", "UK", "AMSTERDAM", "USA-EAST", "USA-WEST", "CANADA"}
