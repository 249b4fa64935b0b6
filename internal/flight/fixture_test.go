package flight_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/reference"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// embedded is decoded once for all tests.
var embedded = sync.OnceValues(reference.Embedded)

func world(t testing.TB) *reference.World {
	t.Helper()
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return w
}
