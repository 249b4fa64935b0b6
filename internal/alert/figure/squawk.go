package figure

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Squawks finds who squawks one of the codes in the two newest snapshots;
// *store.Store does. at is the newest; zero where there are not two.
type Squawks interface {
	Squawks(ctx context.Context, codes []int16) (found []store.SquawkRow, at time.Time, err error)
}

// Squawk is the transponder code of who has 7500, 7600 or 7700 over two samples:
// one sample is a dial on its way past. It is called a squawk and not an
// emergency: on VATSIM it is often a default or deliberate.
type Squawk struct{ Squawks Squawks }

// Describe implements alert.Figure.
func (Squawk) Describe() alert.Description {
	return alert.Description{
		Name: "squawk", Unit: "", Subjects: "callsigns, or patterns of them such as BAW*", Every: true,
		What:   "the code of an aircraft that squawks 7500, 7600 or 7700 in the two newest snapshots, 0 of every other",
		MaxAge: 5 * time.Minute,
	}
}

var callsign = regexp.MustCompile(`^[A-Z0-9_-]{2,20}$`)

// Check implements alert.Figure.
func (s Squawk) Check(_ context.Context, subject string) error {
	if callsign.MatchString(subject) {
		return nil
	}
	return alert.Unknown(s.Describe().Name, subject, "its subjects are callsigns in capitals")
}

// Observe implements alert.Figure.
func (s Squawk) Observe(ctx context.Context, _ time.Time, _ []string) (alert.Observation, error) {
	found, at, err := s.Squawks.Squawks(ctx, []int16{7500, 7600, 7700})
	if err != nil {
		return alert.Observation{}, err
	}
	none := 0.0
	o := alert.Observation{AsOf: at, Rest: &none}
	for _, row := range found {
		o.Readings = append(o.Readings, alert.Value(row.Callsign, float64(row.Code), fmt.Sprintf("squawk %04d over two samples", row.Code)))
	}
	return o, nil
}
