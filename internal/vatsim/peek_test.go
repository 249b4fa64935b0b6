package vatsim_test

import (
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestPeekTimestamp(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 15, 123456000, time.UTC)
	tests := []struct {
		name, body string
		want       time.Time
		reason     string
	}{
		{name: "finds it where the feed has it", body: `{"general":{"version":3,"update_timestamp":"2026-03-01T12:00:15.1234567Z"},"pilots":[]}`, want: at},
		{name: "finds it behind the rows", body: `{"pilots":[{"general":1}],"general":{"update_timestamp":"2026-03-01T12:00:15.123456Z"}}`, want: at},
		{name: "does not read what follows", body: `{"general":{"update_timestamp":"2026-03-01T12:00:15.123456Z"},"pilots":[`, want: at},
		{name: "misses it in a body without", body: `{"general":{"version":3},"pilots":[]}`, reason: "no_timestamp"},
		{name: "tells a page", body: `<html></html>`, reason: "html"},
		{name: "tells a body that ends early", body: `{"general":{"update_`, reason: "truncated"},
		{name: "tells an empty body", body: ``, reason: "empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := vatsim.PeekTimestamp([]byte(test.body))
			if !got.Equal(test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if test.reason != "" && fault.ReasonOf(err) != test.reason {
				t.Errorf("got %v, want the reason %s", err, test.reason)
			}
		})
	}
}
