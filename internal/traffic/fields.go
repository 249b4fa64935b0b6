package traffic

import (
	"cmp"
	"math"
	"slices"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/reference"
)

// Fields are the world's airports as movements need them: which one an aircraft
// is at, how high its ground is, which runway it uses. All but the ground's
// height is reference data and never changes; the height is corrected from
// scene to scene by those who are parked there.
//
// Without a world there is no airport anywhere: movements are told by speed and
// altitude alone, with no airport and little confidence.
type Fields struct {
	world *reference.World
	// The airports of a cell of half a degree are numbers[starts[cell]:starts[cell+1]].
	starts  []int32
	numbers []int32
	// The runways of an airport are ends[firstEnd[number]:firstEnd[number+1]],
	// each in both directions.
	firstEnd []int32
	ends     []runway

	levels   map[int32]level // by number of the airport
	standing []standing      // in the scene that is being observed
}

// level is how high the ground of an airport is in the simulators that fly there.
type level struct {
	altitude int32 // feet, the median of those parked
	aircraft int32 // how many they were, the last time there were any
}

type standing struct{ field, altitude int32 }

const (
	// fieldMiles is how far from a runway a movement still belongs to its airport.
	fieldMiles = 3.0
	// approachMiles is how far from a threshold 1,500 ft on a three-degree path is, and some.
	approachMiles = 6.0
	// highestField is above every airport on earth (Daocheng Yading, 14,472 ft) and an approach to it.
	highestField = 16500
	// wrongElevation is how far, in feet, a parked aircraft may be from the
	// reference and correct it alone; beyond, three must agree.
	wrongElevation = 400
	agree          = 3

	noField = int32(-1)

	cellsPerDegree = 2
	cellRows       = 180 * cellsPerDegree
	cellColumns    = 360 * cellsPerDegree
)

// NewFields makes the index; world may be nil.
func NewFields(world *reference.World) *Fields {
	f := &Fields{world: world, levels: map[int32]level{}}
	if world == nil {
		return f
	}
	airports := world.Airports()
	f.firstEnd = make([]int32, 1, len(airports)+1)
	f.ends = make([]runway, 0, 2*len(world.Runways()))
	f.starts = make([]int32, cellRows*cellColumns+1)
	for i := range airports {
		f.ends = appendRunways(f.ends, world.RunwaysOf(&airports[i]))
		f.firstEnd = append(f.firstEnd, int32(len(f.ends)))
		f.starts[cellOf(airports[i].Lat, airports[i].Lon)+1]++
	}
	for cell := range cellRows * cellColumns {
		f.starts[cell+1] += f.starts[cell]
	}
	f.numbers = make([]int32, len(airports))
	filled := make([]int32, cellRows*cellColumns)
	for i := range airports {
		cell := cellOf(airports[i].Lat, airports[i].Lon)
		f.numbers[f.starts[cell]+filled[cell]] = int32(i)
		filled[cell]++
	}
	return f
}

func cellRow(lat float64) int {
	return max(0, min(cellRows-1, int(math.Floor((lat+90)*cellsPerDegree))))
}

func cellOf(lat, lon float64) int {
	column := int(math.Floor((geo.Longitude(lon) + 180) * cellsPerDegree))
	return cellRow(lat)*cellColumns + min(cellColumns-1, column)
}

// each calls do for the airports in cells within so many miles.
func (f *Fields) each(lat, lon, miles float64, do func(number int32, airport *reference.Airport)) {
	if f.world == nil {
		return
	}
	airports := f.world.Airports()
	tall := miles / geo.MilesPerDegree
	wide := 180.0 // near a pole every meridian is near
	if highest := math.Abs(lat) + tall; highest < 89 {
		wide = min(wide, tall/math.Cos(highest*math.Pi/180))
	}
	first := int(math.Floor((lon - wide + 180) * cellsPerDegree))
	columns := min(cellColumns, int(math.Floor((lon+wide+180)*cellsPerDegree))-first+1)
	for row := cellRow(lat - tall); row <= cellRow(lat+tall); row++ {
		for c := range columns {
			cell := row*cellColumns + ((first+c)%cellColumns+cellColumns)%cellColumns
			for _, number := range f.numbers[f.starts[cell]:f.starts[cell+1]] {
				do(number, &airports[number])
			}
		}
	}
}

// at returns the airport that a place belongs to and how far from its nearest
// runway that is; noField when it is more than fieldMiles from any. A filed
// airport wins over one that is a mile nearer, one with runways over a helipad
// that is half a mile nearer: the filed code helps, geometry decides.
func (f *Fields) at(lat, lon float64, plan Plan) (field int32, miles float64) {
	const longRunway = 2.5 // miles from an airport's middle to a runway's end
	field = noField
	best := math.Inf(1)
	f.each(lat, lon, fieldMiles+longRunway, func(number int32, airport *reference.Airport) {
		if !geo.Within(fieldMiles+longRunway, lat, lon, airport.Lat, airport.Lon) {
			return
		}
		away, hasRunway := f.distance(number, airport, lat, lon)
		if away > fieldMiles {
			return
		}
		score := away
		if !hasRunway {
			score += 0.5
		}
		if airport.ICAO == plan.Departure || airport.ICAO == plan.Arrival {
			score--
		}
		if score < best {
			field, miles, best = number, away, score
		}
	})
	return field, miles
}

// distance is how far a place is from an airport's nearest runway that is open;
// from the airport's middle where it has none in the data.
func (f *Fields) distance(number int32, airport *reference.Airport, lat, lon float64) (miles float64, hasRunway bool) {
	runways := f.runways(number)
	if len(runways) == 0 {
		return geo.Distance(lat, lon, airport.Lat, airport.Lon), false
	}
	miles = math.Inf(1)
	for i := range runways {
		along, across := runways[i].from(lat, lon)
		beyond := max(0, -along, along-runways[i].length)
		miles = min(miles, math.Hypot(beyond, across))
	}
	return miles, true
}

// runways are an airport's open runways of which the data says where they are,
// in both directions.
func (f *Fields) runways(field int32) []runway {
	if field == noField {
		return nil
	}
	return f.ends[f.firstEnd[field]:f.firstEnd[field+1]]
}

// code is an airport's ICAO code, "" for noField.
func (f *Fields) code(field int32) string {
	if field == noField {
		return ""
	}
	return f.world.Airports()[field].ICAO
}

// Where returns the airport that the aircraft is at; "" when it is high, or at
// none.
func (f *Fields) Where(t *Track) string { return f.code(t.field) }

// Above returns how far a sample is from the nearest runway of an airport and
// how high above its ground; not found for a code that is not in the data.
func (f *Fields) Above(icao string, s Sample) (miles float64, feet int32, found bool) {
	field := f.number(icao)
	if field == noField {
		return 0, 0, false
	}
	elevation, _ := f.elevation(field)
	feet = s.Altitude - elevation
	miles, _ = f.distance(field, &f.world.Airports()[field], float64(s.Latitude)/1e5, float64(s.Longitude)/1e5)
	return miles, feet, true
}

// number is the airport of a code, noField for one that is not in the data.
func (f *Fields) number(code string) int32 {
	if f.world == nil || len(code) != 4 {
		return noField
	}
	at, found := slices.BinarySearchFunc(f.world.Airports(), code, func(a reference.Airport, code string) int {
		return cmp.Compare(a.ICAO, code)
	})
	if !found {
		return noField
	}
	return int32(at)
}

// elevation is how high an airport's ground is, in feet, and how far that may
// be trusted: from 0 to 1.
func (f *Fields) elevation(field int32) (feet int32, trust float64) {
	if known, found := f.levels[field]; found {
		return known.altitude, min(1, 0.85+0.05*float64(known.aircraft))
	}
	return int32(f.world.Airports()[field].ElevationFt), 0.85
}

// stands notes that an aircraft is parked at an airport in this scene.
func (f *Fields) stands(field, altitude int32) {
	f.standing = append(f.standing, standing{field, altitude})
}

// Settle ends a scene: each airport's elevation becomes the median altitude of
// those parked there. Where nobody is parked the last one stays.
func (f *Fields) Settle() {
	slices.SortFunc(f.standing, func(a, b standing) int {
		return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.altitude, b.altitude))
	})
	for i := 0; i < len(f.standing); {
		end := i
		for end < len(f.standing) && f.standing[end].field == f.standing[i].field {
			end++
		}
		median := f.standing[(i+end-1)/2]
		if off := abs(median.altitude - int32(f.world.Airports()[median.field].ElevationFt)); off <= wrongElevation || end-i >= agree {
			f.levels[median.field] = level{altitude: median.altitude, aircraft: int32(end - i)}
		}
		i = end
	}
	f.standing = f.standing[:0]
}

func abs[T int16 | int32 | int64](x T) T { return max(x, -x) }
