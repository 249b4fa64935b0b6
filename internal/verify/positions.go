package verify

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// timed is one row of skyledger.position.
type timed struct {
	at time.Time
	position
}

func scanTimed(row pgx.CollectableRow) (timed, error) {
	var t timed
	var lat, lon float64
	var groundspeed, heading int16
	err := row.Scan(&t.at, &t.cid, &t.callsign, &lat, &lon, &t.altitude, &groundspeed, &heading)
	t.lat, t.lon = int32(math.Round(lat*1e5)), int32(math.Round(lon*1e5))
	t.groundspeed, t.heading = int32(groundspeed), int32(heading)
	return t, err
}

// viewPositions reads the view in order of time, an hour at once: a chunk holds
// an hour, and expanding it again for every snapshot would cost 240 times that.
type viewPositions struct {
	db   *database
	hour time.Time
	rows *cursor[timed]
	all  []position // of one snapshot; used again
}

// at returns the view's rows of one snapshot, ordered by cid and callsign. Rows
// between the last snapshot asked for and this one belong to none.
func (v *viewPositions) at(ctx context.Context, at time.Time) ([]position, error) {
	if hour := at.Truncate(time.Hour); v.rows == nil || !hour.Equal(v.hour) {
		if err := v.open(ctx, hour); err != nil {
			return nil, err
		}
	}
	v.all = v.all[:0]
	for {
		row, ok, err := v.rows.peek(ctx)
		if err != nil || !ok || row.at.After(at) {
			return v.all, err
		}
		v.rows.take()
		if row.at.Equal(at) {
			v.all = append(v.all, row.position)
		}
	}
}

func (v *viewPositions) open(ctx context.Context, hour time.Time) error {
	if err := v.end(ctx); err != nil {
		return err
	}
	v.hour = hour
	// Of tables filled a moment ago the planner has no statistics and takes an
	// hour of snapshots for two: it would expand every chunk for each of them.
	return v.db.inWrittenOrder(ctx, func() (err error) {
		v.rows, err = v.declare(ctx)
		return err
	})
}

func (v *viewPositions) declare(ctx context.Context) (*cursor[timed], error) {
	return openCursor(ctx, v.db, `SELECT time, cid, callsign, lat, lon, altitude, groundspeed, heading
		FROM skyledger.positions(`+literal(v.hour)+`, `+literal(v.hour.Add(time.Hour))+`)
		ORDER BY time, cid, callsign COLLATE "C"`, scanTimed)
}

// end closes the hour.
func (v *viewPositions) end(ctx context.Context) error {
	if v.rows == nil {
		return nil
	}
	err := v.rows.close(ctx)
	v.rows = nil
	return err
}

// firstDifference describes where two ordered lists of positions part.
func firstDifference(want, got []position) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got) || i < len(want) && want[i].order(got[i]) < 0:
			return fmt.Sprintf("%s is not in the view", want[i])
		case i >= len(want) || want[i].order(got[i]) > 0:
			return fmt.Sprintf("%s is not in the log", got[i])
		case want[i] != got[i]:
			return fmt.Sprintf("the log has %s, the view %s", want[i], got[i])
		}
	}
	return "no difference"
}

func (p position) String() string {
	return fmt.Sprintf("%d %s at %.5f %.5f, %d ft, %d kt, %d°", p.cid, p.callsign,
		float64(p.lat)/1e5, float64(p.lon)/1e5, p.altitude, p.groundspeed, p.heading)
}
