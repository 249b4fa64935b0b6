package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// someKeys holds the keys of this test.
type someKeys map[string]store.APIKey

func (k someKeys) AddAPIKey(_ context.Context, key store.APIKey) error {
	k[key.ID] = key
	return nil
}

func (k someKeys) APIKey(_ context.Context, id string) (store.APIKey, error) {
	key, found := k[id]
	if !found {
		return key, fault.E("test", fault.NotFound, "no_key", nil)
	}
	return key, nil
}

func (k someKeys) APIKeyUsed(context.Context, string, time.Time) error { return nil }

// TestWhatAnOperationNeedsIsAsked registers an operation of every scope and asks
// each, under every setting, with every kind of key.
func TestWhatAnOperationNeedsIsAsked(t *testing.T) {
	type answer struct{ Done bool }
	keys := someKeys{}
	shown := map[string]string{"no": "", "a wrong": "sky_"}
	for _, scope := range []access.Scope{access.Read, access.Query, access.Admin} {
		text, _, err := access.Issue(t.Context(), keys, rand.Reader, "tests", []access.Scope{scope}, time.Now(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		shown["a "+string(scope)] = text
	}
	routes := []Operation{
		{Path: "/api/a/none", Scope: ScopeNone}, {Path: "/api/a/read"},
		{Path: "/api/a/query", Method: http.MethodPost, Scope: ScopeQuery}, {Path: "/api/a/admin", Method: http.MethodPost, Scope: ScopeAdmin},
	}
	settings := []struct {
		setting  string
		loopback bool
		// statuses of the routes by key
		want map[string][4]int
	}{
		{access.Open, false, map[string][4]int{"no": {200, 200, 401, 401}}},
		{access.Keys, false, map[string][4]int{"no": {200, 401, 401, 401}}},
		{access.Open, true, map[string][4]int{"no": {200, 200, 200, 401}}},
		{access.Keys, true, map[string][4]int{"no": {200, 401, 401, 401}}},
	}
	always := map[string][4]int{
		"a wrong": {401, 401, 401, 401}, "a read": {200, 200, 403, 403}, "a query": {200, 200, 200, 403}, "a admin": {200, 200, 200, 200},
	}
	for _, setting := range settings {
		policy, err := access.NewPolicy(setting.setting, setting.loopback)
		if err != nil {
			t.Fatal(err)
		}
		gate := access.NewGate(access.Options{Keys: keys, Policy: policy})
		s := newService(Deps{Gate: gate, Clock: time.Now, Logger: zap.NewNop()})
		for _, route := range routes {
			object(s, route, func(context.Context, *struct{}) (*answer, error) { return &answer{Done: true}, nil })
		}
		handler, err := s.wrap()
		if err != nil {
			t.Fatal(err)
		}
		for name, key := range shown {
			want, own := setting.want[name]
			if !own {
				want = always[name]
			}
			for i, route := range routes {
				t.Run(fmt.Sprintf("%s, loopback %v: %s key on %s", setting.setting, setting.loopback, name, route.Path), func(t *testing.T) {
					request := httptest.NewRequest(route.method(), route.Path, nil)
					if key != "" {
						request.Header.Set("X-API-Key", key)
					}
					recorder := httptest.NewRecorder()
					handler.ServeHTTP(recorder, request)
					if recorder.Code != want[i] {
						t.Errorf("%d; want %d: %s", recorder.Code, want[i], recorder.Body)
					}
					challenge := recorder.Header().Get("WWW-Authenticate")
					if scope := fmt.Sprintf("scope=%q", string(route.Scope)); recorder.Code == http.StatusForbidden && challenge != `Bearer realm="skyledger", error="insufficient_scope", `+scope {
						t.Errorf("challenge %s", challenge)
					}
				})
			}
		}
		gate.Close()
	}
}
