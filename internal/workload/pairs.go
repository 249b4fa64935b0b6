package workload

import (
	"math"

	"github.com/skyledger/skyledger/internal/geo"
)

// Place is where an aircraft is. Groups are those it counts for: an aircraft may
// be in a sector and in the FIR around it.
type Place struct {
	Latitude, Longitude int32 // 1e-5 degrees
	Altitude            int32 // feet
	Groups              []int32
}

// cell is a square of the grid, PairMiles high: two aircraft of a pair are in
// one or in neighbours.
type cell struct{ row, column int32 }

const cellDegrees = PairMiles / geo.MilesPerDegree

// Pairs counts for each group the pairs of its aircraft within PairMiles and
// PairFeet of each other. Its cost follows the number of aircraft and of pairs.
func Pairs(groups int, places []Place) []int {
	counts := make([]int, groups)
	grid := make(map[cell][]int32, len(places))
	for i := range places {
		if len(places[i].Groups) > 0 {
			at := cellOf(&places[i])
			grid[at] = append(grid[at], int32(i))
		}
	}
	for i := range places {
		p := &places[i]
		if len(p.Groups) == 0 {
			continue
		}
		own := cellOf(p)
		for row := own.row - 1; row <= own.row+1; row++ {
			for column := range columnsAround(p, row) {
				for _, other := range grid[cell{row, column}] {
					if other > int32(i) && near(p, &places[other]) {
						count(counts, p.Groups, places[other].Groups)
					}
				}
			}
		}
	}
	return counts
}

// columnsOf is how many cells a row of the grid has around the earth: fewer
// toward the poles, so that in no row beside it one is narrower than PairMiles.
func columnsOf(row int32) int32 {
	edge := cellDegrees + max(math.Abs(float64(row)), math.Abs(float64(row+1)))*cellDegrees
	if edge >= 90 {
		return 1
	}
	return max(1, int32(360*math.Cos(edge*math.Pi/180)/cellDegrees))
}

func cellOf(p *Place) cell {
	row := int32(math.Floor(float64(p.Latitude) / 1e5 / cellDegrees))
	return cell{row, columnOf(p, row)}
}

func columnOf(p *Place, row int32) int32 {
	columns := columnsOf(row)
	turn := geo.Turn(float64(p.Longitude)/1e5) / 360
	return min(columns-1, int32(turn*float64(columns)))
}

// columnsAround yields the columns of a row that may hold what is close.
func columnsAround(p *Place, row int32) func(yield func(int32) bool) {
	columns, middle := columnsOf(row), columnOf(p, row)
	return func(yield func(int32) bool) {
		if columns <= 3 {
			for column := range columns {
				if !yield(column) {
					return
				}
			}
			return
		}
		for step := int32(-1); step <= 1; step++ {
			if !yield((middle + step + columns) % columns) {
				return
			}
		}
	}
}

func near(a, b *Place) bool {
	apart := a.Altitude - b.Altitude
	return apart <= PairFeet && apart >= -PairFeet &&
		geo.Within(PairMiles, float64(a.Latitude)/1e5, float64(a.Longitude)/1e5, float64(b.Latitude)/1e5, float64(b.Longitude)/1e5)
}

func count(counts []int, a, b []int32) {
	for _, group := range a {
		for _, other := range b {
			if group == other {
				counts[group]++
			}
		}
	}
}
