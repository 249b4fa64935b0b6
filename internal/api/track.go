package api

import (
	"bytes"
	"context"
	"encoding/xml"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// TrackPoint is where a flight was at a snapshot.
type TrackPoint struct {
	Time        time.Time `json:"time" doc:"update_timestamp of the snapshot"`
	Lat         float64   `json:"lat" doc:"degrees, north positive"`
	Lon         float64   `json:"lon" doc:"degrees, east positive"`
	Altitude    int       `json:"altitude" doc:"feet above mean sea level"`
	Groundspeed int       `json:"groundspeed" doc:"knots"`
	Heading     int       `json:"heading" doc:"degrees"`
	Segment     int       `json:"segment" doc:"from 1; another one begins after each gap, connect only points of one"`
}

// TrackSegment is a part of a track without a gap, as GeoJSON has it.
type TrackSegment struct {
	Segment  int       `json:"segment" doc:"from 1"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Points   int       `json:"points"`
	FlightID string    `json:"flight_id"`
	Callsign string    `json:"callsign"`

	line []TrackPoint
}

// TrackKeys are the keys beside a track's points.
type TrackKeys struct {
	FlightID    string   `json:"flight_id"`
	Callsign    string   `json:"callsign"`
	Gaps        []GapRow `json:"gaps" doc:"by time: between the segments"`
	TotalPoints int      `json:"total_points" doc:"before simplifying and paging"`
	Tolerance   float64  `json:"tolerance" doc:"as asked for, in nautical miles; 0 when not simplified"`
}

// trackInput is a list's parameters, with one format more.
type trackInput struct {
	ID        string  `path:"id" pattern:"^[0-9]{1,19}$" doc:"a flight's id, or that of a connection as in /api/flights: its newest flight"`
	Tolerance float64 `query:"tolerance" minimum:"0" maximum:"1000" doc:"nautical miles: points that lie closer to the great circle between their neighbours are left out (Douglas and Peucker); 1,000 ft of altitude weigh as much as a mile. 0 keeps all"`
	Fields    string  `query:"fields" doc:"columns wanted, separated by commas; all when not given" maxLength:"2000"`
	Sort      string  `query:"sort" doc:"columns to sort by, separated by commas; a minus sign before one sorts it downwards" maxLength:"500"`
	Limit     int     `query:"limit" minimum:"1" maximum:"10000" default:"10000" doc:"most rows in one answer"`
	Cursor    string  `query:"cursor" doc:"next_cursor of the page before" maxLength:"2000"`
	Format    string  `query:"format" enum:"json,csv,geojson,ndjson,gpx" doc:"form of the answer; an exact Accept of text/csv, application/geo+json, application/x-ndjson or application/gpx+xml says the same. geojson and gpx have a line for each segment, and neither fields, sort nor pages"`

	Accept      string `header:"Accept" hidden:"true"`
	IfNoneMatch string `header:"If-None-Match" hidden:"true"`
}

const (
	gpxType   = "application/gpx+xml"
	formatGPX = "gpx"
)

func (i *trackInput) gpx() bool {
	return i.Format == formatGPX || i.Format == "" && i.Accept == gpxType
}

func (i *trackInput) listParams() *ListParams {
	return &ListParams{
		Fields: i.Fields, Sort: i.Sort, Limit: i.Limit, Cursor: i.Cursor, Format: i.Format, Accept: i.Accept, IfNoneMatch: i.IfNoneMatch,
	}
}

// lineParams are those of a form that shows whole lines.
func (i *trackInput) lineParams() *ListParams {
	return &ListParams{Limit: longestPage, Format: string(formatGeoJSON), IfNoneMatch: i.IfNoneMatch}
}

// track registers /api/flights/{id}/track.
func (s *service) track() {
	o := Operation{
		Path: "/api/flights/{id}/track", Summary: "Where one flight was, snapshot by snapshot",
		Description: "Of the whole flight, across reconnects. Nothing is drawn where nobody saw it: each gap ends a segment. GeoJSON has a LineString for each segment with altitudes in metres, cut where it crosses the date line; GPX a track segment.",
		Example:     "/api/flights/1/track?tolerance=0.5",
	}
	points := newTable(List[TrackPoint]{Key: "points", ID: "time", Keys: TrackKeys{}})
	lines := newTable(List[TrackSegment]{ID: "segment", Geometry: func(row *TrackSegment) any { return lineOf(row.line) }})
	operation := o.huma(s)
	response := points.response(s, reflect.TypeFor[trackInput](), o.Summary)
	response.Content[gpxType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: "GPX 1.1, a trkseg for each segment"}}
	operation.Responses["200"] = response
	register(s, o, operation, func(ctx context.Context, input *trackInput) (*huma.StreamResponse, error) {
		// Whole lines have neither columns nor pages; what makes no sense of these
		// is refused all the same.
		if _, err := points.read(ctx, s, input.listParams(), input); err != nil {
			return nil, err
		}
		switch {
		case input.gpx():
			return s.sendGPX(ctx, o, input)
		case input.listParams().format() == formatGeoJSON:
			params := input.lineParams()
			return answerList(ctx, s, o, lines, params, input, func() (Rows[TrackSegment], error) { return s.trackLines(ctx, input) })
		default:
			return answerList(ctx, s, o, points, input.listParams(), input, func() (Rows[TrackPoint], error) { return s.trackPoints(ctx, input) })
		}
	})
	points.parameters(s.described(operation))
}

// path is a flight's way, cut into segments.
type path struct {
	story    store.FlightStory
	points   []TrackPoint
	total    int
	analyzed time.Time
}

func (s *service) path(ctx context.Context, input *trackInput) (*path, error) {
	id, err := flightID(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	if !(input.Tolerance >= 0 && input.Tolerance <= 1000) { // NaN is neither
		return nil, invalid(ctx, "tolerance", number(input.Tolerance), "must be from 0 to 1,000 nautical miles")
	}
	p := &path{}
	if p.analyzed, err = s.History.AnalyzedTo(ctx); err != nil {
		return nil, err
	}
	story, fixes, err := s.History.FlightPath(ctx, id)
	if err != nil {
		return nil, err
	}
	p.story, p.total = story, len(fixes)
	for no, segment := range segments(fixes, story.Gaps) {
		p.points = append(p.points, trackPoints(segment, no+1, input.Tolerance)...)
	}
	return p, nil
}

// segments cuts fixes where a gap is: between the last snapshot before it and
// the first after it.
func segments(fixes []store.Fix, gaps []store.FlightGap) (cut [][]store.Fix) {
	begin, gap := 0, 0
	for i := range fixes {
		for gap < len(gaps) && !fixes[i].At.Before(gaps[gap].Ended) {
			if i > begin {
				cut = append(cut, fixes[begin:i])
			}
			begin = i
			gap++
		}
	}
	if begin < len(fixes) {
		cut = append(cut, fixes[begin:])
	}
	return cut
}

// trackPoints are a segment's points, simplified.
func trackPoints(fixes []store.Fix, segment int, tolerance float64) []TrackPoint {
	places := make([]geo.Point, len(fixes))
	for i, fix := range fixes {
		places[i] = geo.Point{Lat: float64(fix.Latitude) / 1e5, Lon: float64(fix.Longitude) / 1e5, Feet: float64(fix.Altitude)}
	}
	kept := geo.Simplify(places, tolerance)
	points := make([]TrackPoint, len(kept))
	for i, at := range kept {
		fix := &fixes[at]
		points[i] = TrackPoint{
			Time: fix.At.UTC(), Lat: places[at].Lat, Lon: places[at].Lon, Altitude: int(fix.Altitude),
			Groundspeed: int(fix.Groundspeed), Heading: int(fix.Heading), Segment: segment,
		}
	}
	return points
}

func (s *service) trackPoints(ctx context.Context, input *trackInput) (Rows[TrackPoint], error) {
	p, err := s.path(ctx, input)
	if err != nil {
		return Rows[TrackPoint]{}, err
	}
	keys := TrackKeys{
		FlightID: strconv.FormatInt(p.story.ID, 10), Callsign: p.story.Callsign, Gaps: gapRows(p.story.Gaps),
		TotalPoints: p.total, Tolerance: input.Tolerance,
	}
	return datedPath(s, p, Rows[TrackPoint]{All: p.points, Keys: func([]TrackPoint) any { return keys }}), nil
}

func (s *service) trackLines(ctx context.Context, input *trackInput) (Rows[TrackSegment], error) {
	p, err := s.path(ctx, input)
	if err != nil {
		return Rows[TrackSegment]{}, err
	}
	return datedPath(s, p, Rows[TrackSegment]{All: p.segments()}), nil
}

// datedPath says how old a track is: one that ended changes no more.
func datedPath[T any](s *service, p *path, rows Rows[T]) Rows[T] {
	to := s.Clock()
	if p.story.Ending != 0 {
		to = p.story.Ended
	}
	return asAnalyzed(s, rows, p.analyzed, to)
}

func (p *path) segments() []TrackSegment {
	rows := []TrackSegment{}
	for i := range p.points {
		point := p.points[i]
		if n := len(rows); n == 0 || rows[n-1].Segment != point.Segment {
			rows = append(rows, TrackSegment{
				Segment: point.Segment, From: point.Time, FlightID: strconv.FormatInt(p.story.ID, 10), Callsign: p.story.Callsign,
			})
		}
		row := &rows[len(rows)-1]
		row.To, row.Points, row.line = point.Time, row.Points+1, append(row.line, point)
	}
	return rows
}

// metres makes metres of feet, to a tenth.
func metres(feet int) float64 { return math.Round(float64(feet)*3.048) / 10 }

type lineGeometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

// lineOf is a line as RFC 7946 has it: longitude first, altitude in metres, cut
// at the date line. One point alone is a Point.
func lineOf(points []TrackPoint) any {
	parts := [][][3]float64{{}}
	for i, point := range points {
		here := [3]float64{point.Lon, point.Lat, metres(point.Altitude)}
		if i > 0 && math.Abs(point.Lon-points[i-1].Lon) > 180 {
			before := parts[len(parts)-1]
			near, far := crossing(before[len(before)-1], here)
			parts[len(parts)-1] = append(before, near)
			parts = append(parts, [][3]float64{far})
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], here)
	}
	switch {
	case len(points) == 1:
		return lineGeometry{"Point", parts[0][0]}
	case len(parts) == 1:
		return lineGeometry{"LineString", parts[0]}
	default:
		return lineGeometry{"MultiLineString", parts}
	}
}

// crossing is where the way from a to b meets the date line, on either side.
func crossing(a, b [3]float64) (near, far [3]float64) {
	edge := math.Copysign(180, a[0])
	length := math.Abs(geo.Longitude(b[0] - a[0]))
	share := 0.5
	if length > 0 {
		share = math.Abs(edge-a[0]) / length
	}
	lat := rounded(a[1]+(b[1]-a[1])*share, 1e5)
	height := rounded(a[2]+(b[2]-a[2])*share, 10)
	return [3]float64{edge, lat, height}, [3]float64{-edge, lat, height}
}

// gpx is a track as GPX 1.1 has it.
type gpx struct {
	XMLName xml.Name `xml:"http://www.topografix.com/GPX/1/1 gpx"`
	Version string   `xml:"version,attr"`
	Creator string   `xml:"creator,attr"`
	Track   struct {
		Name     string       `xml:"name"`
		Number   string       `xml:"desc"`
		Segments []gpxSegment `xml:"trkseg"`
	} `xml:"trk"`
}

type gpxSegment struct {
	Points []gpxPoint `xml:"trkpt"`
}

type gpxPoint struct {
	Lat       float64   `xml:"lat,attr"`
	Lon       float64   `xml:"lon,attr"`
	Elevation float64   `xml:"ele"`
	Time      time.Time `xml:"time"`
}

func (s *service) sendGPX(ctx context.Context, o Operation, input *trackInput) (*huma.StreamResponse, error) {
	p, err := s.path(ctx, input)
	if err != nil {
		return nil, err
	}
	file := gpx{Version: "1.1", Creator: "Skyledger"}
	file.Track.Name, file.Track.Number = p.story.Callsign, "flight "+strconv.FormatInt(p.story.ID, 10)
	for _, segment := range p.segments() {
		var shown gpxSegment
		for _, point := range segment.line {
			shown.Points = append(shown.Points, gpxPoint{point.Lat, point.Lon, metres(point.Altitude), point.Time})
		}
		file.Track.Segments = append(file.Track.Segments, shown)
	}
	var body bytes.Buffer
	body.WriteString(xml.Header)
	if err := xml.NewEncoder(&body).Encode(file); err != nil {
		return nil, err
	}
	dated := datedPath(s, p, Rows[TrackPoint]{})
	answer := &rendered{
		page:   page{asOf: dated.AsOf, snapshot: dated.Snapshot, stale: dated.Stale},
		format: formatGPX, parts: [][]byte{body.Bytes()}, etag: tagOf(body.Bytes()),
	}
	params := &ListParams{IfNoneMatch: input.IfNoneMatch}
	return &huma.StreamResponse{Body: func(ctx huma.Context) { s.sendList(ctx, o, params, answer, nil) }}, nil
}
