// Package geo knows the globe: distances and bearings along great circles,
// boxes across the date line, and which of many areas a point lies in.
//
// Degrees everywhere, north and east positive; nautical miles of one minute of
// arc. Areas are GeoJSON's multipolygons, whose edges are straight in longitude
// and latitude (RFC 7946 3.1.1), not great circles.
package geo
