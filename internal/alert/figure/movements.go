package figure

import (
	"context"
	"regexp"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Traffic counts what analysis found of airports; *store.Store does. at is the
// newest snapshot analysed.
type Traffic interface {
	AirportMovements(ctx context.Context) (rows []store.AirportCount, at time.Time, err error)
	AirportInbound(ctx context.Context) (rows []store.AirportCount, at time.Time, err error)
}

// Movements is how much an airport does, or is about to.
type Movements struct {
	Traffic Traffic
	Inbound bool // flights in the air that are filed to it; what it did else
}

// analysisLate is how far analysis may be behind and still say something of now.
const analysisLate = 10 * time.Minute

// Describe implements alert.Figure.
func (m Movements) Describe() alert.Description {
	d := alert.Description{
		Name: "airport_movements", Unit: "movements", Subjects: "airports by ICAO code, or patterns such as EG*", Every: true, MaxAge: analysisLate,
		What: "take-offs and landings in the running quarter of an hour and the three before it",
	}
	if m.Inbound {
		d.Name, d.Unit, d.What = "airport_inbound", "flights", "flights in the air that are filed to arrive"
	}
	return d
}

// airport is what ICAO's codes look like, national ones included: whether one is
// known matters less than that flights name it.
var airport = regexp.MustCompile(`^[A-Z][A-Z0-9]{3}$`)

// Check implements alert.Figure.
func (m Movements) Check(_ context.Context, subject string) error {
	if airport.MatchString(subject) {
		return nil
	}
	return alert.Unknown(m.Describe().Name, subject, "its subjects are airports by their ICAO codes in capitals, such as EGLL")
}

// Observe implements alert.Figure.
func (m Movements) Observe(ctx context.Context, _ time.Time, _ []string) (alert.Observation, error) {
	count := m.Traffic.AirportMovements
	if m.Inbound {
		count = m.Traffic.AirportInbound
	}
	rows, at, err := count(ctx)
	if err != nil {
		return alert.Observation{}, err
	}
	none := 0.0
	o := alert.Observation{AsOf: at, Rest: &none}
	for _, row := range rows {
		o.Readings = append(o.Readings, alert.Value(row.Airport, float64(row.Count), ""))
	}
	return o, nil
}
