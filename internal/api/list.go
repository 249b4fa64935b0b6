package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// List says how a list of rows T is answered. Rows are structs whose json tags
// name the columns. What every list can do follows from the columns: fields,
// sort, limit and cursor; bbox and near where there are columns lat and lon;
// csv and ndjson; geojson where there are places.
type List[T any] struct {
	Key  string // the original's key that shows the rows beside data; empty where there is none
	ID   string // column that tells the rows apart; the rows' natural order when empty
	Keys any    // zero value of the struct that holds the original's other keys; nil for none
	// Timestamp adds the key timestamp, when the answer was made.
	Timestamp bool
	// Codes are the airports and FIRs that a row belongs to, as ICAO codes, for
	// region and fir; nil where a row is only a place.
	Codes func(row *T) []string
	// Geometry is a row's GeoJSON geometry; nil makes points of lat and lon.
	Geometry func(row *T) any
}

// Rows are what a list operation found, before the list's own parameters.
type Rows[T any] struct {
	All []T
	// Raw are the rows as JSON, where they are at hand. Same order as All.
	Raw []jsontext.Value
	// Keys gives the original's other keys for the rows that match, before they
	// are cut to a page. Its type is the list's Keys.
	Keys     func(matched []T) any
	AsOf     time.Time // what moment the rows describe; zero when unknown
	Snapshot time.Time // newest snapshot in them; zero when there is none
	Stale    bool      // newer rows should have been here
	// Paged rows are one page already, in the order that was asked for, and Next
	// is the cursor of the page after them.
	Paged bool
	Next  string
	// Attribution is what a licence asks to be said beside the rows.
	Attribution string
}

// ListParams are the parameters that every list takes.
type ListParams struct {
	Fields string `query:"fields" doc:"columns wanted, separated by commas; all when not given" maxLength:"2000"`
	Sort   string `query:"sort" doc:"columns to sort by, separated by commas; a minus sign before one sorts it downwards" maxLength:"500"`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"10000" doc:"most rows in one answer"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before" maxLength:"2000"`
	Format string `query:"format" enum:"json,csv,geojson,ndjson" doc:"form of the answer; an exact Accept of text/csv, application/geo+json or application/x-ndjson says the same"`

	Accept      string `header:"Accept" hidden:"true"`
	IfNoneMatch string `header:"If-None-Match" hidden:"true"`
}

func (p *ListParams) listParams() *ListParams { return p }

// plain reports whether the rows are wanted as they are.
func (p *ListParams) plain() bool {
	return p.Fields == "" && p.Sort == "" && p.Limit == longestPage && p.Cursor == "" && p.format() == formatJSON
}

const longestPage = 10_000

// listInput is an operation's input that embeds ListParams.
type listInput[I any] interface {
	*I
	listParams() *ListParams
}

// list registers an operation that answers a list.
func list[I any, P listInput[I], T any](s *service, o Operation, l List[T], find func(context.Context, *I) (Rows[T], error)) {
	shape := newTable(l)
	operation := o.huma(s)
	operation.Responses["200"] = shape.response(s, reflect.TypeFor[I](), o.Summary)
	register(s, o, operation, func(ctx context.Context, input *I) (*huma.StreamResponse, error) {
		return answerList(ctx, s, o, shape, any(input).(P).listParams(), input, func() (Rows[T], error) { return find(ctx, input) })
	})
	shape.parameters(s.described(operation))
}

// answerList checks the parameters before the rows are looked for, so that a
// wrong one costs nothing.
func answerList[T any](ctx context.Context, s *service, o Operation, shape *table[T], params *ListParams, input any, find func() (Rows[T], error)) (*huma.StreamResponse, error) {
	wanted, err := shape.read(ctx, s, params, input)
	if err != nil {
		return nil, err
	}
	rows, err := find()
	if err != nil {
		return nil, err
	}
	p, err := shape.page(wanted, &rows)
	if err != nil {
		return nil, err
	}
	answer, err := s.render(wanted.format, p)
	if err != nil {
		return nil, err
	}
	return s.stream(o, params, answer)
}

// stream sends what is rendered with the tail of this moment.
func (s *service) stream(o Operation, params *ListParams, answer *rendered) (*huma.StreamResponse, error) {
	tail, err := s.tail(answer)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) { s.sendList(ctx, o, params, answer, tail) }}, nil
}

// page is a list's answer before it is written.
type page struct {
	sheet     sheet  // nil once it is written
	count     int    // of its rows
	key       string // the original's key for the rows
	keys      any    // the original's other keys; nil for none
	timestamp bool
	next      string // cursor
	asOf      time.Time
	snapshot  time.Time
	stale     bool
	credit    string
}

func appendTime(out []byte, at time.Time) []byte {
	return append(at.UTC().AppendFormat(append(out, '"'), time.RFC3339Nano), '"')
}

func (s *service) pageMeta(p *page, withAge bool) Meta {
	meta := s.meta(p.count)
	meta.AsOf, meta.Snapshot, meta.Stale, meta.Attribution = utc(p.asOf), utc(p.snapshot), p.stale, p.credit
	if p.next != "" {
		meta.NextCursor = &p.next
	}
	if withAge && !p.asOf.IsZero() {
		meta.AgeS = seconds(s.Clock().Sub(p.asOf))
	}
	return meta
}

func (s *service) sendList(ctx huma.Context, o Operation, params *ListParams, answer *rendered, tail []byte) {
	p := &answer.page
	etag := answer.etag
	if answer.squeezed {
		etag = strings.TrimSuffix(etag, `"`) + encodingSuffix + `"`
	}
	ctx.SetHeader("ETag", etag)
	ctx.AppendHeader("Vary", "Accept, Accept-Encoding")
	ctx.SetHeader("Cache-Control", s.keep(o.Keep, p.stale))
	if !p.snapshot.IsZero() {
		ctx.SetHeader("X-Snapshot", p.snapshot.UTC().Format(time.RFC3339Nano))
	}
	if p.stale {
		ctx.SetHeader("X-Stale", "true")
	}
	if p.next != "" {
		ctx.SetHeader("Link", nextLink(ctx.URL(), p.next))
	}
	if matches(params.IfNoneMatch, answer.etag) {
		ctx.SetStatus(http.StatusNotModified)
		return
	}
	ctx.SetHeader("Content-Type", answer.format.contentType())
	if answer.squeezed {
		ctx.SetHeader("Content-Encoding", "gzip")
	}
	parts, length := append(slices.Clone(answer.parts), tail), 0
	for _, part := range parts {
		length += len(part)
	}
	ctx.SetHeader("Content-Length", strconv.Itoa(length))
	ctx.SetStatus(http.StatusOK)
	for _, part := range parts {
		if _, err := ctx.BodyWriter().Write(part); err != nil {
			return // a client that left
		}
	}
}
