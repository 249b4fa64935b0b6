package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Resource is something outside a function that it may reach.
type Resource string

// What functions may reach.
const (
	Database    Resource = "database"     // PostgreSQL, through the proxy where there is one
	Cache       Resource = "cache"        // Redis
	LogRead     Resource = "log:read"     // the bucket of bodies
	LogWrite    Resource = "log:write"    // append, compact and remove there
	TickQueue   Resource = "queue:ticks"  // send the minute's later ticks
	Internet    Resource = "internet"     // fetch the feed
	SecretsRead Resource = "secrets:read" // the database's password, and the key of receivers
	Notify      Resource = "notify"       // publish to SNS topics
)

// Function is one row of the table: one folder under functions/, one binary.
type Function struct {
	Name    string // folder under functions/ and name of the binary
	Purpose string // one sentence
	Trigger Trigger
	Memory  int // MB
	Timeout time.Duration
	// Concurrency is the reserved concurrency: how many may run at once; 0 sets
	// no bound.
	Concurrency int
	Uses        []Resource
}

// Trigger is what starts a function. A function has a schedule, routes, or is
// started by the deployment itself.
type Trigger struct {
	Schedule    Schedule
	Queue       string // name of the queue whose messages it handles
	Routes      []Route
	OnDeploy    bool
	RetryLimit  int           // retries of a scheduled event
	MaxEventAge time.Duration // older scheduled events are dropped
}

// Schedule is an EventBridge rate. Zero means none.
type Schedule time.Duration

// Route is one path of the HTTP API.
type Route struct {
	Method  string
	Path    string // API Gateway syntax: /api/flights/{id}
	Purpose string
}

// Expression returns the rate in EventBridge's words, as "rate(1 minute)".
func (s Schedule) Expression() string {
	value, unit := int(time.Duration(s)/time.Minute), "minute"
	switch {
	case value > 0 && value%(24*60) == 0:
		value, unit = value/(24*60), "day"
	case value > 0 && value%60 == 0:
		value, unit = value/60, "hour"
	}
	if value != 1 {
		unit += "s"
	}
	return fmt.Sprintf("rate(%d %s)", value, unit)
}

func get(path, purpose string) Route { return Route{Method: "GET", Path: path, Purpose: purpose} }

// AnyMethod is API Gateway's word for a route that takes every method.
const AnyMethod = "ANY"

// TickQueueName is the queue that carries the minute's later ticks to ingest.
const TickQueueName = "ticks"

// Functions returns the table, in the order of the data's way through it.
func Functions() []Function {
	return []Function{
		{
			Name:    "migrate",
			Purpose: "brings the database's schema up to date before the other functions run",
			Trigger: Trigger{OnDeploy: true},
			Memory:  256, Timeout: 5 * time.Minute, Concurrency: 1,
			Uses: []Resource{Database, SecretsRead},
		},
		{
			Name:    "ingest",
			Purpose: "records the network every 15 seconds: log, database, live view",
			Trigger: Trigger{
				Schedule: Schedule(time.Minute), Queue: TickQueueName,
				RetryLimit: 1, MaxEventAge: time.Minute,
			},
			// Two may overlap: a slow tick must not cost the next one its turn.
			Memory: 512, Timeout: 45 * time.Second, Concurrency: 2,
			Uses: []Resource{Database, Cache, LogRead, LogWrite, TickQueue, Internet, SecretsRead},
		},
		{
			Name:    "analyze",
			Purpose: "finds out what the network did: flights and movements; evaluates alerts and has people told",
			Trigger: Trigger{Schedule: Schedule(time.Minute), RetryLimit: 0, MaxEventAge: time.Minute},
			// One at a time: a second one would only be refused by the first one's commits.
			Memory: 512, Timeout: time.Minute, Concurrency: 1,
			Uses: []Resource{Database, Cache, LogRead, Internet, Notify, SecretsRead},
		},
		{
			Name:    "cleanup",
			Purpose: "makes partitions ahead, turns finished hours into chunks, compacts the log, ends what is past retention",
			Trigger: Trigger{Schedule: Schedule(time.Hour), RetryLimit: 1, MaxEventAge: 30 * time.Minute},
			Memory:  1024, Timeout: 10 * time.Minute, Concurrency: 1,
			Uses: []Resource{Database, LogRead, LogWrite, SecretsRead},
		},
		{
			Name:    "reference",
			Purpose: "brings airports, runways, FIRs and boundaries up to date",
			// On deploy as well: nobody should wait a day for the first airports.
			Trigger: Trigger{Schedule: Schedule(24 * time.Hour), OnDeploy: true, RetryLimit: 1, MaxEventAge: time.Hour},
			Memory:  512, Timeout: 2 * time.Minute, Concurrency: 1,
			Uses: []Resource{Database, Internet, SecretsRead},
		},
		{
			Name:    "api-status",
			Purpose: "answers how the recorder is doing, and gives back what it recorded",
			Trigger: Trigger{Routes: []Route{
				get("/api/status", "what is recorded, how fresh it is and how the parts are doing"),
				get("/api/network/status", "how many are connected"),
				get("/api/feed/ledger", "every 15-second tick accounted for"),
				get("/api/replay/vatsim-data.json", "the newest snapshot not after a moment, byte for byte"),
				get("/api/errors/summary", "what failed, by kind"),
				get("/api/errors/statistics", "requests, failures and durations by function"),
				get("/api/errors/trends", "errors, refusals and requests over time"),
				get("/api/errors/service/{name}", "the errors of one function"),
				get("/api/errors/daily-report", "errors by day"),
				get("/api/errors/health", "circuit breakers, and how the recording of errors is doing"),
				get("/api/errors/alerts", "conditions in force now"),
				get("/api/health/comprehensive", "one figure from 0 to 100 with its parts"),
				get("/api/health/endpoints", "each route's last hour"),
				get("/api/health/database", "how PostgreSQL is doing"),
				get("/api/health/system", "what the process and its machine use"),
				get("/api/health/data-freshness", "how old the data are, and what is missing"),
				get("/api/openapi.json", "this API's description, OpenAPI 3.1"),
				get("/api/docs", "the documentation as a page"),
				// What no other route takes: it answers 404 and 405 in our own words.
				{Method: AnyMethod, Path: "/api/{proxy+}", Purpose: "says that a path or method does not exist"},
			}},
			Memory: 512, Timeout: 10 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-atc",
			Purpose: "answers who controls what",
			Trigger: Trigger{Routes: []Route{
				get("/api/atc-positions", "every controller's connection"),
				get("/api/atc-positions/by-controller-id", "controllers with their connections together"),
				get("/api/vatsim/ratings", "the ratings of controllers"),
				get("/api/controllers/sessions", "who staffed what, and when"),
				get("/api/atc/coverage/{airport_or_fir}", "share of time staffed by hour of the week"),
				get("/api/atc/contacts", "which aircraft was on which controller's frequency"),
			}},
			Memory: 512, Timeout: 10 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-airports",
			Purpose: "answers where airports and FIRs are",
			Trigger: Trigger{Routes: []Route{
				get("/api/airports", "airports of the world"),
				get("/api/airports/region/{region}", "the airports of a region or an FIR"),
				get("/api/airports/{airport_code}", "one airport with its runways"),
				get("/api/airports/{airport_code}/coordinates", "where an airport is"),
				get("/api/regions", "the regions that can be asked by"),
				get("/api/firs", "flight information regions and their boundaries"),
			}},
			Memory: 512, Timeout: 10 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-flights",
			Purpose: "answers who flies where",
			Trigger: Trigger{Routes: []Route{
				get("/api/flights", "every pilot's connection with plan and position"),
				get("/api/flights/memory", "the same rows with the cache layer that answered"),
				get("/api/flights/history", "flights that ended"),
				get("/api/flights/{id}", "one flight from plan to landing"),
				get("/api/flights/{id}/track", "where one flight was"),
			}},
			Memory: 512, Timeout: 10 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-traffic",
			Purpose: "answers what the network did: movements, demand, patterns",
			Trigger: Trigger{Routes: []Route{
				get("/api/traffic/movements/{airport_icao}", "what happened at an airport"),
				get("/api/traffic/summary/{region}", "movements in a region or an FIR"),
				get("/api/traffic/trends/{airport_icao}", "an airport's movements by day"),
				get("/api/network/history", "how many were connected, and how much moved, over time"),
				get("/api/sectors", "how full FIRs and sectors are"),
				get("/api/sectors/{id}/occupancy", "how full one FIR or sector was"),
				get("/api/traffic/patterns", "the busiest by hour of week, and unusual days"),
				get("/api/airports/{airport_code}/board", "who comes to an airport and who leaves it"),
				get("/api/airports/{airport_code}/density", "an airport's movements and demand"),
			}},
			Memory: 512, Timeout: 10 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-database",
			Purpose: "runs people's SQL over the views, and tells of the database",
			Trigger: Trigger{Routes: []Route{
				{Method: "POST", Path: "/api/database/query", Purpose: "one statement over the views of the schema skyledger"},
				get("/api/database/schema", "what SQL may read, with what it means"),
				get("/api/database/tables", "the tables with estimates of what they hold"),
				get("/api/database/status", "how database, pool, cache and migrations are"),
			}},
			// PostgreSQL's grammar takes 270 MB, and its start a good share of a core.
			Memory: 1024, Timeout: 29 * time.Second,
			Uses: []Resource{Database, Cache, LogRead, SecretsRead},
		},
		{
			Name:    "api-alerts",
			Purpose: "answers what rules found, and keeps the rules",
			Trigger: Trigger{Routes: []Route{
				get("/api/alerts", "what rules found: open alerts and recent ones"),
				get("/api/alerts/deliveries", "who was told, and how each attempt went"),
				get("/api/alerts/rules", "the rules, and what rules can be about"),
				{Method: "POST", Path: "/api/alerts/rules", Purpose: "add a rule"},
				get("/api/alerts/rules/{id}", "one rule, with what is known of its subjects"),
				{Method: "PUT", Path: "/api/alerts/rules/{id}", Purpose: "replace a rule"},
				{Method: "DELETE", Path: "/api/alerts/rules/{id}", Purpose: "delete a rule"},
				{Method: "POST", Path: "/api/alerts/rules/{id}/test", Purpose: "send a test to a rule's receivers"},
			}},
			Memory: 512, Timeout: 20 * time.Second, // a receiver may take 8 s to answer a test
			Uses: []Resource{Database, Cache, LogRead, Internet, Notify, SecretsRead},
		},
		{
			Name:    "api-performance",
			Purpose: "answers what the functions use, what is short, and what would make it faster",
			Trigger: Trigger{Routes: []Route{
				get("/api/performance/metrics", "what the functions, their process and its machine use"),
				get("/api/performance/history", "the functions' figures by the hour"),
				get("/api/performance/slow-queries", "the statements that took most time"),
				get("/api/performance/plans", "how PostgreSQL goes about them, and what is expensive"),
				get("/api/performance/indexes", "indexes to build, with the evidence, and those nobody needs"),
				get("/api/performance/database", "the database's own figures by the hour"),
				get("/api/performance/optimize", "what an optimisation would do"),
				{Method: "POST", Path: "/api/performance/optimize", Purpose: "release memory and connections, and maintain the database"},
			}},
			Memory: 512, Timeout: 29 * time.Second, // maintenance may take 20 s, API Gateway waits 30
			Uses: []Resource{Database, Cache, SecretsRead},
		},
	}
}

// Find returns the function of that name.
func Find(name string) (Function, bool) {
	functions := Functions()
	index := slices.IndexFunc(functions, func(f Function) bool { return f.Name == name })
	if index < 0 {
		return Function{}, false
	}
	return functions[index], true
}

// Check returns what is wrong with the table: doubled names or routes, rows
// that nothing starts, timeouts that Lambda does not allow.
func Check(functions []Function) []string {
	var problems []string
	names, routes := map[string]bool{}, map[string]string{}
	for _, function := range functions {
		fail := func(format string, args ...any) {
			problems = append(problems, function.Name+": "+fmt.Sprintf(format, args...))
		}
		if names[function.Name] {
			fail("the name is taken")
		}
		names[function.Name] = true
		trigger := function.Trigger
		if trigger.Schedule == 0 && trigger.Queue == "" && len(trigger.Routes) == 0 && !trigger.OnDeploy {
			fail("nothing starts it")
		}
		if function.Timeout <= 0 || function.Timeout > 15*time.Minute {
			fail("timeout %s is not within Lambda's 15 minutes", function.Timeout)
		}
		if function.Memory < 128 || function.Memory > 10240 {
			fail("memory %d MB is not within Lambda's 128 to 10,240", function.Memory)
		}
		for _, route := range trigger.Routes {
			key := route.Method + " " + route.Path
			if owner, taken := routes[key]; taken {
				fail("route %s belongs to %s", key, owner)
			}
			routes[key] = function.Name
			if !strings.HasPrefix(route.Path, "/api/") {
				fail("route %s is not below /api/", key)
			}
		}
	}
	return problems
}
