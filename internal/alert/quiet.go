package alert

import (
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// quietUntil is how long it is from now to the end of the quiet hours that now
// lies in; 0 outside of them. Hours are those of a clock on the wall of the zone:
// where it is put forward over an end, that end is when it is put forward.
func quietUntil(q *store.QuietHours, now time.Time) time.Duration {
	if q == nil {
		return 0
	}
	zone, err := time.LoadLocation(q.Zone)
	if err != nil {
		return 0 // a zone that the machine forgot keeps nobody from being told
	}
	local := now.In(zone)
	minute := local.Hour()*60 + local.Minute()
	overnight := q.From > q.To
	inside := minute >= q.From && minute < q.To
	if overnight {
		inside = minute >= q.From || minute < q.To
	}
	if !inside {
		return 0
	}
	day := local.Day()
	if overnight && minute >= q.From {
		day++
	}
	end := time.Date(local.Year(), local.Month(), day, q.To/60, q.To%60, 0, 0, zone)
	// An hour that comes twice may have an end before now.
	return max(end.Sub(now), time.Second)
}
