package route

import (
	"net/http"
	"strings"
)

// Table is a table of routes with http.ServeMux's patterns. ServeMux alone
// refuses two of which neither is more specific, such as
// /airports/region/{region} and /airports/{code}/coordinates; here the first of
// these takes /airports/region/coordinates. The zero value is empty. It must not
// be changed while it serves.
type Table struct {
	// By the number of segments before the first that is no literal: two patterns
	// of one mux begin with as much literal.
	muxes []*http.ServeMux
}

// HandleFunc adds a route. It panics where ServeMux does: for a pattern that is
// none, or one that conflicts with another that begins as literally.
func (t *Table) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	literal := literals(pattern)
	for len(t.muxes) <= literal {
		t.muxes = append(t.muxes, http.NewServeMux())
	}
	t.muxes[literal].HandleFunc(pattern, handler)
}

func literals(pattern string) (count int) {
	path := pattern[strings.Index(pattern, "/")+1:]
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, "{") {
			break
		}
		count++
	}
	return count
}

// Handler returns the handler of a request and the pattern of its route. Where
// no route takes it the pattern is "" and the handler answers 405 with Allow, if
// another method would be taken, else 404.
func (t *Table) Handler(r *http.Request) (handler http.Handler, pattern string) {
	mux := t.find(r)
	if mux == nil {
		return http.HandlerFunc(t.refuse), ""
	}
	return mux.Handler(r)
}

// ServeHTTP serves the request by its route.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if mux := t.find(r); mux != nil {
		mux.ServeHTTP(w, r)
		return
	}
	t.refuse(w, r)
}

// find returns the mux that has the request's route, nil where none has.
func (t *Table) find(r *http.Request) *http.ServeMux {
	for i := len(t.muxes) - 1; i >= 0; i-- {
		if _, pattern := t.muxes[i].Handler(r); pattern != "" {
			return t.muxes[i]
		}
	}
	return nil
}

// refuse asks each mux which methods it would take.
func (t *Table) refuse(w http.ResponseWriter, r *http.Request) {
	for i := len(t.muxes) - 1; i >= 0; i-- {
		verdict := verdict{header: http.Header{}}
		handler, _ := t.muxes[i].Handler(r)
		handler.ServeHTTP(&verdict, r)
		if allowed := verdict.header.Get("Allow"); allowed != "" {
			w.Header().Set("Allow", allowed)
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
	}
	http.NotFound(w, r)
}

// verdict keeps an answer's header and nothing else.
type verdict struct{ header http.Header }

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }
func (v *verdict) WriteHeader(int)             {}
