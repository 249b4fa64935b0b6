package flight_test

import (
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// embedded is decoded once for all tests.
var embedded = sync.OnceValues(reference.Embedded)

// larger is the part of the world with runways of 4,900 ft and more, where the
// simulator flies: a Tracker of it is made in a fraction of the time.
var larger = sync.OnceValues(func() (*reference.World, error) {
	whole, err := embedded()
	if err != nil {
		return nil, err
	}
	var airports []reference.Airport
	var runways []reference.Runway
	for i := range whole.Airports() {
		all := whole.RunwaysOf(&whole.Airports()[i])
		if slices.ContainsFunc(all, func(r reference.Runway) bool { return r.LengthFt >= 4900 }) {
			airports, runways = append(airports, whole.Airports()[i]), append(runways, all...)
		}
	}
	return reference.NewWorld(airports, runways, nil, nil)
})

func largerWorld(t testing.TB) *reference.World {
	t.Helper()
	w, err := larger()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func world(t testing.TB) *reference.World {
	t.Helper()
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return w
}
