package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestAPIKeys(t *testing.T) {
	s, _ := setup(t)
	ctx := t.Context()
	first := APIKey{ID: "one", Name: "Grafana", Hash: []byte("hash 1"), Scopes: []string{"read", "query"}, Created: start, Expires: start.Add(time.Hour)}
	second := APIKey{ID: "two", Name: "A script", Hash: []byte("hash 2"), Scopes: []string{"read"}, Created: start.Add(time.Second)}
	must(t, s.AddAPIKey(ctx, second))
	must(t, s.AddAPIKey(ctx, first))

	t.Run("they come back as they were given, the oldest first", func(t *testing.T) {
		keys, err := s.APIKeys(ctx)
		must(t, err)
		if diff := cmp.Diff([]APIKey{first, second}, keys); diff != "" {
			t.Error(diff)
		}
		one, err := s.APIKey(ctx, "one")
		must(t, err)
		if diff := cmp.Diff(first, one); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an id or a hash that is taken is a conflict", func(t *testing.T) {
		for _, again := range []APIKey{
			{ID: "one", Name: "x", Hash: []byte("other"), Scopes: []string{"read"}, Created: start},
			{ID: "three", Name: "x", Hash: []byte("hash 1"), Scopes: []string{"read"}, Created: start},
		} {
			if err := s.AddAPIKey(ctx, again); !fault.Is(err, fault.Conflict) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("the last use moves once a minute", func(t *testing.T) {
		for _, use := range []struct{ at, want time.Duration }{
			{time.Minute, time.Minute}, {2 * time.Minute, time.Minute}, {2*time.Minute + time.Second, 2*time.Minute + time.Second}, {0, 2*time.Minute + time.Second},
		} {
			must(t, s.APIKeyUsed(ctx, "one", start.Add(use.at)))
			key, err := s.APIKey(ctx, "one")
			must(t, err)
			if got := key.LastUsed.Sub(start); got != use.want {
				t.Errorf("used at %s: last used %s", use.at, got)
			}
		}
		must(t, s.APIKeyUsed(ctx, "nobody's", start))
	})
	t.Run("one is revoked once", func(t *testing.T) {
		for _, later := range []time.Duration{time.Hour, 2 * time.Hour} {
			key, err := s.RevokeAPIKey(ctx, "two", start.Add(later))
			must(t, err)
			if got := key.Revoked.Sub(start); got != time.Hour || key.Name != "A script" {
				t.Errorf("%s of %s", got, key.Name)
			}
		}
	})
	t.Run("one that is not there is not found", func(t *testing.T) {
		_, err1 := s.APIKey(ctx, "nobody's")
		_, err2 := s.RevokeAPIKey(ctx, "nobody's", start)
		if !fault.Is(err1, fault.NotFound) || !fault.Is(err2, fault.NotFound) {
			t.Errorf("%v and %v", err1, err2)
		}
	})
}
