package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// observe takes samples and tells the movements as "kind airport runway".
func observe(t testing.TB, fields *traffic.Fields, track *traffic.Track, plan traffic.Plan, all []traffic.Sample) (told []string, moved []traffic.Movement) {
	t.Helper()
	for _, s := range all {
		moved = append(moved, fields.Step(track, s, plan).Movements...)
		fields.Settle()
	}
	moved = append(moved, fields.Finish(track, plan)...)
	for _, m := range moved {
		told = append(told, tell(m))
	}
	return told, moved
}

func tell(m traffic.Movement) string {
	name := [...]string{"", "departure", "arrival", "go-around", "touch-and-go", "diversion"}[m.Kind]
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", name, m.Airport, m.Runway))
}
