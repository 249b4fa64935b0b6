package figure

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/store"
)

// Positions says when controllers' positions were staffed last; *store.Store
// does. at is the snapshot that is so far.
type Positions interface {
	StaffedSince(ctx context.Context, window time.Duration) (staffed []store.StaffedRow, at time.Time, err error)
}

// Unstaffed is for how long nobody has been on a position that was staffed
// before: coverage lost.
type Unstaffed struct{ Positions Positions }

// unstaffedWindow is how long a position counts as one that was staffed before.
const unstaffedWindow = 2 * time.Hour

// Describe implements alert.Figure.
func (Unstaffed) Describe() alert.Description {
	return alert.Description{
		Name: "position_unstaffed", Unit: "min", Subjects: "controllers' positions by callsign, or patterns such as EG*_CTR", Every: true,
		What:   "minutes since a controller was on the position's frequency, 0 while one is; not known of a position that nobody staffed within two hours",
		MaxAge: 5 * time.Minute,
	}
}

// Check implements alert.Figure.
func (u Unstaffed) Check(_ context.Context, subject string) error {
	if callsign.MatchString(subject) {
		return nil
	}
	return alert.Unknown(u.Describe().Name, subject, "its subjects are callsigns in capitals, such as EGTT_CTR")
}

// Observe implements alert.Figure.
func (u Unstaffed) Observe(ctx context.Context, _ time.Time, _ []string) (alert.Observation, error) {
	staffed, at, err := u.Positions.StaffedSince(ctx, unstaffedWindow)
	if err != nil {
		return alert.Observation{}, err
	}
	o := alert.Observation{AsOf: at}
	for _, row := range staffed {
		o.Readings = append(o.Readings, alert.Value(row.Callsign, max(0, at.Sub(row.Until)).Truncate(time.Second).Minutes(), ""))
	}
	return o, nil
}
