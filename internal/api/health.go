package api

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/health"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// Health is what the database says of itself; *store.Store is one.
type Health interface {
	Health(ctx context.Context) (store.DatabaseHealth, error)
	Watermarks(ctx context.Context) (store.Watermarks, error)
	Pool() store.Pool
}

// Entries list what the log holds; *rawlog.Log is one.
type Entries interface {
	Entries(ctx context.Context, from, to time.Time) ([]rawlog.Entry, error)
}

// System measures the process and its machine.
type System interface {
	Process() resource.Process
	Machine(ctx context.Context) resource.Machine
}

// healthBudget bounds what one look at the parts may take: a part that does not
// answer within it is as good as down.
const healthBudget = 3 * time.Second

// PartRow is one part of the overall health.
type PartRow struct {
	Name   string   `json:"name" enum:"data_freshness,database,endpoints,upstreams,cache,system"`
	Score  *float64 `json:"score" doc:"0 to 100; null when it could not be measured"`
	Weight float64  `json:"weight"`
	Reason string   `json:"reason" doc:"the figure that the score comes from, the worst one"`
}

// OverallKeys are the keys beside the parts.
type OverallKeys struct {
	OverallHealth *int   `json:"overall_health" doc:"0 to 100; null when no part could be measured"`
	Status        string `json:"status" enum:"healthy,degraded,unhealthy" doc:"healthy from 90, degraded from 50"`
	Formula       string `json:"formula"`
	Alerts        int    `json:"alerts" doc:"conditions in force, see /api/errors/alerts"`
}

// health registers the operations on how the parts are doing. They answer 200
// whatever is broken: that is what they are for.
func (s *service) health() {
	list(s, Operation{
		Path: "/api/health/comprehensive", Summary: "One figure from 0 to 100 with the parts it is made of", Description: health.Formula, Keep: -1,
	}, List[PartRow]{Key: "parts", ID: "name", Keys: OverallKeys{}, Timestamp: true}, s.comprehensive)
	list(s, Operation{
		Path: "/api/health/endpoints", Summary: "Each route's last hour: requests, failures, durations", Keep: -1,
		Description: "Measured on the requests that people made: this asks nothing itself. A route that nobody asked has nulls.",
		Example:     "/api/health/endpoints?sort=-requests&fields=route,requests,error_rate,p95_ms",
	}, List[EndpointRow]{Key: "endpoints", ID: "route", Keys: EndpointKeys{}, Timestamp: true}, s.endpoints)
	object(s, Operation{Path: "/api/health/database", Summary: "How PostgreSQL is doing", Keep: -1}, s.databaseHealth)
	object(s, Operation{Path: "/api/health/system", Summary: "What this process and its machine use", Keep: -1}, s.systemHealth)
	object(s, Operation{Path: "/api/health/data-freshness", Summary: "How old the data are, and what is missing", Keep: -1}, s.dataFreshness)
}

func (s *service) comprehensive(ctx context.Context, _ *nowInput) (Rows[PartRow], error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	var parts [6]health.Part
	var alerts []health.Alert
	var group errgroup.Group // each part waits for something else
	measure := func(part func()) { group.Go(func() error { part(); return nil }) }
	measure(func() { parts[0] = health.FreshnessPart(s.freshness(ctx).figures()) })
	measure(func() {
		database, err := s.askDatabase(ctx)
		parts[1] = health.DatabasePart(database, reasonOf(err))
	})
	measure(func() {
		hour, err := s.account(ctx, s.lastly(time.Hour))
		if err != nil {
			s.note(ctx, err)
			hour = &account{}
		}
		parts[2] = health.EndpointsPart(health.VolumeOf(ofRoutes(hour.requests)))
	})
	measure(func() {
		upstreams, err := s.upstreams(ctx)
		if err != nil {
			s.note(ctx, err)
		}
		parts[3] = health.UpstreamsPart(upstreams)
	})
	measure(func() {
		_, err := s.Live.Ping(ctx)
		reason := reasonOf(err)
		parts[4] = health.CachePart(reason != live.NoRedis, reason)
	})
	measure(func() { parts[5] = health.SystemPart(shares(s.System.Process(), s.System.Machine(ctx))) })
	measure(func() { alerts, _ = s.alerts(ctx) })
	_ = group.Wait() // nothing in it fails: a part that does is scored so
	keys := OverallKeys{Formula: health.Formula, Alerts: len(alerts)}
	keys.OverallHealth, keys.Status = health.Overall(parts[:])
	rows := []PartRow{}
	for _, part := range parts {
		rows = append(rows, PartRow(part))
	}
	return Rows[PartRow]{All: rows, AsOf: s.Clock(), Keys: func([]PartRow) any { return keys }}, nil
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.ReasonOf(err)
}

// EndpointRow is one route of one function.
type EndpointRow struct {
	Route    string `json:"route" doc:"method and path"`
	Function string `json:"function"`
	VolumeRow
	LastRequest *time.Time `json:"last_request" doc:"within 24 hours; null when there was none, or nobody can tell"`
	LastSuccess *time.Time `json:"last_success" doc:"likewise, the last that did not fail"`
}

// EndpointKeys are the keys beside the routes.
type EndpointKeys struct {
	AccountKeys
	VolumeRow
	Asked  int      `json:"asked" doc:"routes that were asked within the hour"`
	Score  *float64 `json:"score" doc:"the part's in /api/health/comprehensive"`
	Status *string  `json:"status" enum:"healthy,degraded,unhealthy" doc:"null where nothing was asked"`
}

// counts reports whether an account would have the requests of a function: that
// of a process has its own alone.
func (s *service) counts(a *account, function string) bool {
	own := s.Faults.Function()
	return a.scope == scopeDeployment || a.scope == scopeProcess && (own == function || own == everyFunction)
}

// ofRoutes leaves out what is no endpoint's, and would hide endpoints that fail
// behind it: events, of which ingest alone has 240 an hour, and paths that do
// not exist.
func ofRoutes(requests []fault.RequestCount) []fault.RequestCount {
	known := map[string]bool{}
	for _, function := range manifest.Functions() {
		for _, route := range function.Trigger.Routes {
			known[function.Name+" "+route.Method+" "+route.Path] = true
		}
	}
	var asked []fault.RequestCount
	for _, row := range requests {
		if known[row.Function+" "+row.Route] {
			asked = append(asked, row)
		}
	}
	return asked
}

// everyFunction is what a process is for that runs every function.
const everyFunction = "local"

func (s *service) endpoints(ctx context.Context, _ *nowInput) (Rows[EndpointRow], error) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	span := s.lastly(time.Hour)
	hour, err := s.account(ctx, span)
	if err != nil {
		// Nobody has anything to tell: every figure is unknown.
		s.note(ctx, err)
		began := s.Faults.Since()
		hour = &account{span: span, scope: scopeNobody, since: &began}
	}
	lately := hour
	if hour.scope == scopeDeployment {
		if found, err := s.account(ctx, s.lastly(day)); err == nil {
			lately = found
		}
	}
	route := func(r *fault.RequestCount) string { return r.Function + " " + r.Route }
	now, before := volumesBy(hour.requests, route), volumesBy(lately.requests, route)
	rows, asked := []EndpointRow{}, 0
	for _, function := range manifest.Functions() {
		for _, known := range function.Trigger.Routes {
			if known.Method == manifest.AnyMethod {
				continue
			}
			row := EndpointRow{Route: known.Method + " " + known.Path, Function: function.Name}
			switch volume := now[row.Function+" "+row.Route]; {
			case volume != nil:
				row.VolumeRow = volumeRow(*volume)
				asked++
			case s.counts(hour, function.Name):
				row.VolumeRow = volumeRow(health.Volume{})
			}
			if volume := before[row.Function+" "+row.Route]; volume != nil {
				row.LastRequest, row.LastSuccess = utc(volume.Last), utc(volume.LastWell)
			}
			rows = append(rows, row)
		}
	}
	volume := health.VolumeOf(ofRoutes(hour.requests))
	keys := EndpointKeys{AccountKeys: hour.keys(), Asked: asked, Score: health.EndpointsPart(volume).Score}
	if hour.scope != scopeNobody {
		keys.VolumeRow = volumeRow(volume)
	}
	if keys.Score != nil {
		_, word := health.Overall([]health.Part{health.EndpointsPart(volume)})
		keys.Status = &word
	}
	return accountRows(hour, rows, keys), nil
}
