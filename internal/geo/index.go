package geo

import "math"

// Index finds which of many areas a point lies in. It is immutable.
type Index struct {
	areas []*Area
	cells [][]int32 // by row and column of one degree: areas whose rings' boxes meet the cell
}

const (
	rows    = 180
	columns = 360
)

// NewIndex returns an index of the areas; a nil area is nowhere.
func NewIndex(areas []*Area) *Index {
	index := &Index{areas: areas, cells: make([][]int32, rows*columns)}
	for i, area := range areas {
		if area == nil {
			continue
		}
		for _, rings := range area.polygons {
			index.add(int32(i), &rings[0])
		}
	}
	return index
}

func (x *Index) add(number int32, outer *ring) {
	first, last := row(outer.south), row(outer.north)
	west := int(math.Floor(outer.west))
	wide := min(columns-1, int(math.Floor(outer.east))-west)
	for r := first; r <= last; r++ {
		for c := west; c <= west+wide; c++ {
			cell := &x.cells[r*columns+(c+180+2*columns)%columns]
			if n := len(*cell); n == 0 || (*cell)[n-1] != number { // its polygons may share a cell
				*cell = append(*cell, number)
			}
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
	for _, number := range x.cells[row(lat)*columns+int(math.Floor(lon))+180] {
		if x.areas[number].Holds(lat, lon) {
			found = append(found, number)
		}
	}
	return found
}
