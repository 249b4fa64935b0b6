package route

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheMoreLiteralRouteTakesARequest(t *testing.T) {
	var table Table
	for _, pattern := range []string{
		"GET /api/airports", "GET /api/airports/{code}", "GET /api/airports/{code}/coordinates", "GET /api/airports/region/{region}",
		"POST /api/airports/{code}/note", "GET /api/{rest...}",
	} {
		table.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(pattern + " " + r.PathValue("code") + r.PathValue("region")))
		})
	}
	for _, test := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/api/airports", 200, "GET /api/airports "},
		{"GET", "/api/airports/EGLL", 200, "GET /api/airports/{code} EGLL"},
		{"GET", "/api/airports/region", 200, "GET /api/airports/{code} region"},
		{"GET", "/api/airports/EGLL/coordinates", 200, "GET /api/airports/{code}/coordinates EGLL"},
		{"GET", "/api/airports/region/Europe", 200, "GET /api/airports/region/{region} Europe"},
		{"GET", "/api/airports/region/coordinates", 200, "GET /api/airports/region/{region} coordinates"},
		{"GET", "/api/else/where", 200, "GET /api/{rest...} "},
		{"POST", "/api/airports/EGLL/note", 200, "POST /api/airports/{code}/note EGLL"},
		{"POST", "/api/airports", 405, "GET, HEAD"},
		{"GET", "/nowhere", 404, ""},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			request := httptest.NewRequest(test.method, test.path, nil)
			table.ServeHTTP(recorder, request)
			got := recorder.Body.String()
			if test.status != http.StatusOK {
				got = recorder.Header().Get("Allow")
			}
			if recorder.Code != test.status || got != test.want {
				t.Errorf("%d %q, want %d %q", recorder.Code, got, test.status, test.want)
			}
			if _, pattern := table.Handler(request); (pattern == "") != (test.status != http.StatusOK) {
				t.Errorf("pattern %q", pattern)
			}
		})
	}
}
