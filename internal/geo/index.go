package geo

import "math"

// Index finds which of many areas a point lies in. It is immutable.
type Index struct {
	areas []*Area
	// The areas whose rings' boxes meet a cell of one degree are
	// numbers[starts[cell]:starts[cell+1]], in their order.
	starts  []int32
	numbers []int32
}

const (
	rows    = 180
	columns = 360
)

// NewIndex returns an index of the areas; a nil area is nowhere.
func NewIndex(areas []*Area) *Index {
	x := &Index{areas: areas, starts: make([]int32, rows*columns+1)}
	x.each(func(cell int, _ int32) { x.starts[cell+1]++ })
	for cell := range rows * columns {
		x.starts[cell+1] += x.starts[cell]
	}
	x.numbers = make([]int32, x.starts[rows*columns])
	filled := make([]int32, rows*columns)
	x.each(func(cell int, number int32) {
		x.numbers[x.starts[cell]+filled[cell]] = number
		filled[cell]++
	})
	return x
}

// each calls do once for every area and cell that its rings' boxes meet.
func (x *Index) each(do func(cell int, number int32)) {
	last := make([]int32, rows*columns) // area seen last in the cell, from 1: its polygons may share it
	for i, area := range x.areas {
		if area == nil {
			continue
		}
		number := int32(i)
		for _, rings := range area.polygons {
			cells(&rings[0], func(cell int) {
				if last[cell] != number+1 {
					last[cell] = number + 1
					do(cell, number)
				}
			})
		}
	}
}

// cells calls do for every cell that the ring's box meets.
func cells(outer *ring, do func(cell int)) {
	west := int(math.Floor(outer.west))
	wide := min(columns-1, int(math.Floor(outer.east))-west)
	for r := row(outer.south); r <= row(outer.north); r++ {
		for c := west; c <= west+wide; c++ {
			do(r*columns + (c+180+2*columns)%columns)
		}
	}
}

// row is the row of a latitude; the north pole is in the last one.
func row(lat float64) int { return max(0, min(rows-1, int(math.Floor(lat))+90)) }

// At appends to found the numbers of the areas that hold the point, in their
// order, and returns it. A place that is none is nowhere.
func (x *Index) At(found []int32, lat, lon float64) []int32 {
	if !IsLatitude(lat) || math.IsNaN(lon) || math.IsInf(lon, 0) {
		return found
	}
	lat, lon = normal(lat, lon)
	cell := row(lat)*columns + int(math.Floor(lon)) + 180
	for _, number := range x.numbers[x.starts[cell]:x.starts[cell+1]] {
		if x.areas[number].Holds(lat, lon) {
			found = append(found, number)
		}
	}
	return found
}
