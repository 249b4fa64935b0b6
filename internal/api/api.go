package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/route"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Live gives the common answers; *live.Reader is one.
type Live interface {
	Get(ctx context.Context, name live.Name, encoding live.Encoding) (live.Answer, error)
	Stats() live.Stats
	Ping(ctx context.Context) (time.Duration, error)
}

// Ledger accounts for ticks; *store.Store is one.
type Ledger interface {
	Ledger(ctx context.Context, query store.LedgerQuery) ([]store.LedgerRow, error)
	LedgerSummary(ctx context.Context, from, to time.Time) (store.LedgerSummary, error)
}

// Records reads the log: the newest record not after a moment, fault.NotFound
// when there is none.
type Records interface {
	At(ctx context.Context, at time.Time) (rawlog.Record, error)
}

// Deps are what the operations answer from. Each function is given what its
// operations need; none is looked at before a request comes.
type Deps struct {
	Live        Live
	Ledger      Ledger
	History     History // of flights
	Controllers Controllers
	Sectors     Sectors
	Traffic     Traffic
	Database    Database
	Cache       CacheServer
	SQL         Statements
	Log         Records
	Atlas       Atlas
	Places      Places   // nil: region and fir answer that there is no reference data
	Gate        Gate     // nil: everybody may everything
	Origins     []string // of web pages that may use the API, lower case; nil: all may read
	Source      string   // name of the feed; answers name any but the live one
	Clock       func() time.Time
	Logger      *zap.Logger
	Metrics     *telemetry.Metrics // nil: requests are logged without metrics
	Faults      *fault.Recorder    // nil: nobody keeps account
	Random      io.Reader          // request ids are made from it; nil: crypto/rand

	Account Account
	Health  Health
	Entries Entries // of the log
	System  System

	Resources   Resources   // what the functions use
	Maintenance Maintenance // what the database needs
	Advice      Advice      // what statements cost and what would help

	Alerts   Alerts          // rules, what they found, who was told
	Figures  alert.Catalogue // that rules can be about
	Desk     RuleDesk
	TestFire TestFire
}

// Group registers the operations of one function.
type Group func(*service)

// Groups are the operations by the name of their function in the manifest.
func Groups() map[string]Group {
	return map[string]Group{
		"api-status":      Status,
		"api-atc":         ATC,
		"api-flights":     Flights,
		"api-traffic":     TrafficGroup,
		"api-airports":    Airports,
		"api-database":    DatabaseGroup,
		"api-alerts":      AlertsGroup,
		"api-performance": Performance,
	}
}

// service is the API while it is put together.
type service struct {
	Deps
	api        huma.API
	mux        *route.Table
	group      string                   // being registered
	operations map[string]Operation     // by method and path
	parameters map[string][]*huma.Param // of the query, likewise
	direct     map[string]bool          // paths whose bytes are compressed already
}

// New returns the handler of the functions' operations.
func New(deps Deps, functions ...string) (http.Handler, error) {
	service := newService(deps)
	for _, function := range functions {
		if err := service.register(function); err != nil {
			return nil, err
		}
	}
	return service.wrap()
}

func newService(deps Deps) *service {
	mux := &route.Table{}
	return &service{
		Deps: deps, api: humago.New(mux, configuration()), mux: mux,
		operations: map[string]Operation{}, parameters: map[string][]*huma.Param{}, direct: map[string]bool{},
	}
}

func (s *service) register(function string) error {
	group, known := Groups()[function]
	if !known {
		return fault.E("api.New", fault.Internal, "no_group", errors.New(function))
	}
	s.group = groupOf(function)
	group(s)
	return nil
}

// configuration is huma's, with JSON alone: no other format is negotiated,
// whatever a client prefers, and bodies carry no link to their schema.
func configuration() huma.Config {
	info := &huma.Info{
		Title: "Skyledger", Version: "1",
		Description: "The VATSIM network, every 15 seconds. Times are RFC 3339 in UTC, unknown is null, a list's rows are in data, how old they are is in meta.",
		License:     &huma.License{Name: "MIT", Identifier: "MIT"},
	}
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.MarshalWrite(w, v, jsontext.AllowInvalidUTF8(true)) },
		Unmarshal: func(data []byte, v any) error { return json.Unmarshal(data, v) },
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0", Info: info,
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key":    {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "a key of this deployment"},
					"bearer": {Type: "http", Scheme: "bearer", Description: "the same key as a bearer token"},
				},
			},
		},
		// Problems are found under the suffix of their media type.
		Formats:       map[string]huma.Format{jsonType: format, "json": format},
		DefaultFormat: jsonType,
		Transformers:  []huma.Transformer{problemOfHuma},
	}
}

// Meta says how old a list is and where it goes on.
type Meta struct {
	AsOf       *time.Time `json:"as_of" doc:"what moment the data describe"`
	AgeS       *int       `json:"age_s" doc:"seconds since then"`
	Stale      bool       `json:"stale" doc:"whether newer data should have been here"`
	Snapshot   *time.Time `json:"snapshot" doc:"update_timestamp of the newest snapshot in the data"`
	Count      int        `json:"count" doc:"rows in data"`
	NextCursor *string    `json:"next_cursor" doc:"cursor of the next page; null on the last one"`
	Source     string     `json:"source,omitempty" doc:"where the data come from, when that is not the live network"`
	// What a licence asks to be said beside the data.
	Attribution string `json:"attribution,omitempty" doc:"whose data these are, where a licence asks for it to be said"`
}

func (s *service) meta(count int) Meta {
	meta := Meta{Count: count}
	if s.Source != live.LiveSource {
		meta.Source = s.Source
	}
	return meta
}

// seconds returns whole seconds, never negative: clocks differ.
func seconds(age time.Duration) *int {
	whole := int(max(0, age) / time.Second)
	return &whole
}

func utc(moment time.Time) *time.Time {
	if moment.IsZero() {
		return nil
	}
	moment = moment.UTC()
	return &moment
}
