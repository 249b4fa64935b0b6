package simulator

import (
	"bufio"
	_ "embed" // the airports' table
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

//go:embed airports.csv
var airportTable string

// airport is a real airport with its longer runways.
type airport struct {
	icao      string
	weight    int
	at        vec
	lat, lon  float64
	elevation float64 // feet
	ends      []runwayEnd
	longest   float64 // metres
}

// runwayEnd is a runway in one of its two directions.
type runwayEnd struct {
	ident     string
	threshold vec
	far       vec
	heading   float64 // degrees true
	length    float64 // metres between the thresholds
}

func parseAirports(table string) ([]airport, error) {
	var airports []airport
	var known []float64 // elevations of the current airport's runways
	scanner := bufio.NewScanner(strings.NewReader(table))
	for scanner.Scan() {
		line := scanner.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 10 {
			return nil, fmt.Errorf("airports.csv: %q has not 10 fields", line)
		}
		numbers := make([]float64, 10)
		for i := 4; i < 10; i++ {
			numbers[i], _ = strconv.ParseFloat(fields[i], 64) // an elevation may be empty
		}
		if len(airports) == 0 || airports[len(airports)-1].icao != fields[0] {
			weight, err := strconv.Atoi(fields[1])
			if err != nil {
				return nil, fmt.Errorf("airports.csv: %q: %w", line, err)
			}
			airports, known = append(airports, airport{icao: fields[0], weight: weight}), nil
		}
		current := &airports[len(airports)-1]
		if fields[9] != "" {
			known = append(known, numbers[9])
			current.elevation = sum(known) / float64(len(known))
		}
		low, high := fromDegrees(numbers[4], numbers[5]), fromDegrees(numbers[6], numbers[7])
		current.ends = append(current.ends, newEnd(fields[2], low, high), newEnd(fields[3], high, low))
	}
	for i := range airports {
		airports[i].finish()
	}
	return airports, scanner.Err()
}

func newEnd(ident string, threshold, far vec) runwayEnd {
	return runwayEnd{
		ident: ident, threshold: threshold, far: far,
		heading: threshold.bearing(threshold.tangentTo(far)), length: threshold.metresTo(far),
	}
}

func (a *airport) finish() {
	var middle vec
	for _, end := range a.ends {
		middle = middle.add(end.threshold)
		a.longest = max(a.longest, end.length)
	}
	a.at = middle.unit()
	a.lat, a.lon = a.at.degrees()
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// runway is the end in use at a moment for an aircraft that needs so many
// metres: into the wind, which holds for three hours, and among parallels by
// which chooses.
func (a *airport) runway(seed uint64, at int64, need float64, which uint64) *runwayEnd {
	const steady = 3 * 3600 * 1e9
	wind := 360 * unit(hash(seed, aboutRunway, hashText(a.icao), uint64(at/steady)))
	need = min(need, a.longest)
	best, bestScore := 0, math.Inf(-1)
	for i := range a.ends {
		end := &a.ends[i]
		if end.length < need-1 {
			continue
		}
		// Ends within a few degrees of each other are parallels.
		headwind := math.Round(10 * math.Cos((end.heading-wind)*math.Pi/180))
		score := headwind + 0.9*unit(hash(which, uint64(i)))
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	return &a.ends[best]
}

// gate is a stand. Its number only decides where it lies.
type gate struct {
	at      vec
	heading float64
}

// gate places a stand beside the longest runway and away from the others.
func (a *airport) gate(number uint64) gate {
	main := slices.MaxFunc(a.ends, func(x, y runwayEnd) int { return int(x.length) - int(y.length) })
	r := newRandom(aboutIdentity, hashText(a.icao), number)
	// All stands of an airport lie on one side where that is possible.
	side := 1.0
	if hashText(a.icao)&1 == 0 {
		side = -1
	}
	along := main.threshold.tangentTo(main.far)
	var place vec
	for attempt := range 12 {
		abeam := main.threshold.move(along, main.length*r.between(0.3, 0.7))
		out := abeam.right(abeam.tangentTo(main.far)).scale(side)
		place = abeam.move(out, r.between(350, 900))
		if a.clear(place, 160) {
			break
		}
		if attempt%2 == 1 {
			side = -side
		}
	}
	return gate{at: place, heading: math.Floor(r.unit() * 360)}
}

// clear reports whether a place is so many metres from every runway.
func (a *airport) clear(place vec, metres float64) bool {
	for i := 0; i < len(a.ends); i += 2 {
		end := &a.ends[i]
		tangent := end.threshold.tangentTo(end.far)
		normal := end.threshold.cross(tangent)
		across := math.Abs(math.Asin(place.dot(normal))) * earthRadius
		along := math.Atan2(place.dot(tangent), place.dot(end.threshold)) * earthRadius
		if across < metres && along > -300 && along < end.length+300 {
			return false
		}
	}
	return true
}

// atlas is the airports with what is needed to choose among them.
type atlas struct {
	airports []airport
	running  []int // running[i] is the sum of the weights up to i
}

func newAtlas() (*atlas, error) {
	airports, err := parseAirports(airportTable)
	if err != nil {
		return nil, err
	}
	a := &atlas{airports: airports, running: make([]int, len(airports))}
	total := 0
	for i := range airports {
		total += airports[i].weight
		a.running[i] = total
	}
	return a, nil
}

// choose picks an airport by weight.
func (a *atlas) choose(r *random) int {
	ticket := r.below(a.running[len(a.running)-1])
	i, _ := slices.BinarySearch(a.running, ticket+1)
	return i
}

// near picks an airport by weight between two distances, in metres, with a
// runway of at least need metres; −1 when many draws find none.
func (a *atlas) near(r *random, from int, low, high, need float64) int {
	here := a.airports[from].at
	atLeast, atMost := math.Cos(min(high/earthRadius, math.Pi)), math.Cos(low/earthRadius)
	for range 60 {
		i := a.choose(r)
		if closeness := here.dot(a.airports[i].at); closeness >= atLeast && closeness <= atMost && a.airports[i].longest >= need {
			return i
		}
	}
	return -1
}

// alternate is the nearest airport to goal with a long enough runway, at least
// 30 NM away; −1 when there is none within 400 NM.
func (a *atlas) alternate(goal int, need float64) int {
	best, closest := -1, math.Cos(400*metresPerNM/earthRadius)
	tooClose := math.Cos(30 * metresPerNM / earthRadius)
	for i := range a.airports {
		closeness := a.airports[goal].at.dot(a.airports[i].at)
		if closeness < tooClose && closeness > closest && a.airports[i].longest >= need {
			best, closest = i, closeness
		}
	}
	return best
}
