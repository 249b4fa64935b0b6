package figure

import (
	"context"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/reference"
)

// Live gives the network as it is shown; *live.Reader does.
type Live interface {
	Get(ctx context.Context, name live.Name, encoding live.Encoding) (live.Answer, error)
}

// Places knows regions and FIRs; *reference.Reader does.
type Places interface {
	Region(ctx context.Context, name string) (reference.Area, error)
}

// Online counts who is connected, in all or in a part of the world: pilots by
// where they are, controllers by what their callsigns begin with.
type Online struct {
	Live        Live
	Places      Places
	Controllers bool // on a frequency; pilots else
}

// Describe implements alert.Figure.
func (o Online) Describe() alert.Description {
	d := alert.Description{
		Name: "pilots_online", Unit: "pilots", What: "pilots connected, in a region or FIR by where they are",
		Subjects: `"network", a region such as Europe (/api/regions), or an FIR such as EGTT (/api/firs)`, MaxAge: 5 * time.Minute,
	}
	if o.Controllers {
		d.Name, d.Unit = "controllers_online", "controllers"
		d.What = "controllers on a frequency, in a region or FIR by what their callsign begins with"
	}
	return d
}

// Check implements alert.Figure.
func (o Online) Check(ctx context.Context, subject string) error {
	if subject == alert.Network {
		return nil
	}
	_, err := o.Places.Region(ctx, subject)
	if fault.Is(err, fault.NotFound) {
		return alert.Unknown(o.Describe().Name, subject,
			`there are "network", the regions `+reference.RegionNames()+`, and every FIR by its id, which /api/firs lists`)
	}
	return err
}

// Observe implements alert.Figure.
func (o Online) Observe(ctx context.Context, _ time.Time, subjects []string) (alert.Observation, error) {
	name := live.Flights
	if o.Controllers {
		name = live.Positions
	}
	answer, err := o.Live.Get(ctx, name, live.JSON)
	if err != nil {
		return alert.Observation{}, err
	}
	seen := alert.Observation{AsOf: answer.Snapshot}
	for _, subject := range subjects {
		inside := func(who) bool { return true }
		if subject != alert.Network {
			area, err := o.Places.Region(ctx, subject)
			if err != nil {
				// Reference data that went missing, or no longer know the name.
				seen.Readings = append(seen.Readings, alert.Reading{Subject: subject})
				continue
			}
			inside = func(w who) bool { return w.in(area) }
		}
		count, err := o.count(&answer, inside)
		if err != nil {
			return alert.Observation{}, err
		}
		seen.Readings = append(seen.Readings, alert.Value(subject, float64(count), ""))
	}
	return seen, nil
}

// who is somebody connected, as far as where goes.
type who struct {
	code     string // airport or FIR of a controller
	lat, lon float64
}

func (w who) in(area reference.Area) bool {
	if w.code != "" {
		return area.Airport(w.code)
	}
	return area.Point(w.lat, w.lon)
}

func (o Online) count(answer *live.Answer, inside func(who) bool) (count int, err error) {
	if !o.Controllers {
		flights, _, err := answer.FlightRows()
		for i := range flights {
			if inside(who{lat: flights[i].Lat, lon: flights[i].Lon}) {
				count++
			}
		}
		return count, err
	}
	positions, _, err := answer.PositionRows()
	for i := range positions {
		code, _, _ := strings.Cut(positions[i].Callsign, "_")
		if positions[i].Status == live.StatusOnline && inside(who{code: code}) {
			count++
		}
	}
	return count, err
}
