package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap/zapcore"
)

// Config is every setting of every function. A function reads those it needs;
// the manifest says which it gets.
type Config struct {
	LogLevel string `env:"LOG_LEVEL" envDefault:"info" help:"least level that is logged: debug, info, warn, error"`
	Source   string `env:"SOURCE" envDefault:"live" help:"name of the feed this deployment records; anything but live is labelled in every answer"`

	FeedStatusURL       string        `env:"FEED_STATUS_URL" envDefault:"https://status.vatsim.net/status.json" unit:"URL" help:"where the feed's addresses are listed"`
	FeedNetworkURL      string        `env:"FEED_NETWORK_URL" envDefault:"https://data.vatsim.net/v3/vatsim-data.json" unit:"URL" help:"network feed when the list cannot be had"`
	FeedTransceiversURL string        `env:"FEED_TRANSCEIVERS_URL" envDefault:"https://data.vatsim.net/v3/transceivers-data.json" unit:"URL" help:"radio feed when the list cannot be had"`
	FeedContact         string        `env:"FEED_CONTACT" envDefault:"" help:"mail address or page named in the User-Agent, so that the feed's operators can reach you"`
	FeedTimeout         time.Duration `env:"FEED_TIMEOUT" envDefault:"10s" unit:"duration" help:"longest time for one fetch, connection to last byte"`
	FeedStall           time.Duration `env:"FEED_STALL" envDefault:"3s" unit:"duration" help:"longest silence within a fetch"`
	FeedMaxWire         int64         `env:"FEED_MAX_WIRE" envDefault:"16777216" unit:"bytes" help:"largest body before decompression"`
	FeedMaxBody         int64         `env:"FEED_MAX_BODY" envDefault:"33554432" unit:"bytes" help:"largest body after decompression"`

	ReferenceURL string `env:"REFERENCE_URL" envDefault:"https://api.vatsim.net/api/map_data/" unit:"URL" help:"index of VAT-Spy's FIRs and boundaries"`
	ReferenceDir string `env:"REFERENCE_DIR" envDefault:"" help:"directory with VATSpy.dat and Boundaries.geojson, instead of the index"`

	DatabaseURL      string `env:"DATABASE_URL" envDefault:"" unit:"URL" help:"PostgreSQL 15 to 17; the local runner starts one when empty"`
	DatabaseSecret   string `env:"DATABASE_SECRET_ARN" envDefault:"" help:"Secrets Manager secret with username and password, re-read when a login is refused"`
	DatabaseSchema   string `env:"DATABASE_SCHEMA" envDefault:"" help:"schema of the tables; empty is the one that migrate made the default"`
	DatabasePoolSize int32  `env:"DATABASE_POOL_SIZE" envDefault:"0" unit:"connections" help:"largest pool of one process; 0 takes 1 or 2, by the function's memory"`
	RedisURL         string `env:"REDIS_URL" envDefault:"" unit:"URL" help:"Redis or Valkey for the live view; the local runner starts one when empty"`
	RedisPrefix      string `env:"REDIS_PREFIX" envDefault:"" help:"sets this deployment's keys apart where several share a Redis; the source's name when empty"`
	LogURL           string `env:"LOG_URL" envDefault:"" unit:"URL" help:"where the log lies: file:///directory or s3://bucket/prefix"`
	QueueURL         string `env:"TICK_QUEUE_URL" envDefault:"" unit:"URL" help:"SQS queue that carries the minute's later ticks"`

	APIAccess        string `env:"API_ACCESS" envDefault:"open" help:"open: anybody may read, queries need a key; keys: reading needs one as well"`
	APICORSOrigins   string `env:"API_CORS_ORIGINS" envDefault:"*" help:"web pages that may use the API, as https://a.example,https://b.example; * lets all of them read"`
	RateLimitAddress int    `env:"RATE_LIMIT_ADDRESS" envDefault:"1200" unit:"requests/minute" help:"for each address without a key, that many at once as well; 0 is no limit"`
	RateLimitKey     int    `env:"RATE_LIMIT_KEY" envDefault:"3000" unit:"requests/minute" help:"for each key, likewise"`
	RateLimitQuery   int    `env:"RATE_LIMIT_QUERY" envDefault:"120" unit:"requests/minute" help:"statements of one's own, for each caller, likewise"`

	QueryDatabaseURL    string        `env:"QUERY_DATABASE_URL" envDefault:"" unit:"URL" help:"the database as the role skyledger_query, for people's SQL; the local runner makes it"`
	QueryDatabaseSecret string        `env:"QUERY_DATABASE_SECRET_ARN" envDefault:"" help:"Secrets Manager secret with that role's password, re-read when a login is refused"`
	QueryTimeout        time.Duration `env:"QUERY_TIMEOUT" envDefault:"20s" unit:"duration" help:"longest statement of people's SQL"`
	QueryMaxRows        int           `env:"QUERY_MAX_ROWS" envDefault:"10000" unit:"rows" help:"most rows that one answers; what is more is cut"`
	QueryMaxBytes       int           `env:"QUERY_MAX_BYTES" envDefault:"2900000" unit:"bytes" help:"largest answer as JSON: a function's 6 MB hold it even if every byte is escaped"`
	QueryMaxCost        float64       `env:"QUERY_MAX_COST" envDefault:"50000000" unit:"planner's cost" help:"a statement that the planner estimates above is refused; about every position of a busy day"`
	QueryConcurrency    int           `env:"QUERY_CONCURRENCY" envDefault:"2" unit:"statements" help:"statements that run at once in one process; further ones wait two seconds"`

	AlertKey       string `env:"ALERT_KEY" envDefault:"" help:"encrypts receivers' addresses and secrets in the database, 32 characters or more; of several, separated by commas, the first seals and all open; empty: they are kept as they are"`
	AlertKeySecret string `env:"ALERT_KEY_SECRET_ARN" envDefault:"" help:"Secrets Manager secret with the same, as text or as the key of a JSON object named key"`
	AlertNetworks  string `env:"ALERT_NETWORKS" envDefault:"" help:"private networks that may be told of alerts, as 10.1.0.0/16,127.0.0.1/32; the internet needs no mention"`

	BacklogPerRun   int           `env:"BACKLOG_PER_RUN" envDefault:"240" unit:"snapshots" help:"most snapshots one ingest run projects from the log"`
	RewindLimit     int           `env:"REWIND_LIMIT" envDefault:"240" unit:"snapshots" help:"most snapshots projected again to put a late one in its place"`
	SuspiciousTicks int           `env:"SUSPICIOUS_TICKS" envDefault:"4" unit:"snapshots" help:"a network that lost 90 % of its pilots at once is believed after this many snapshots"`
	ChunkDelay      time.Duration `env:"CHUNK_DELAY" envDefault:"10m" unit:"duration" help:"how long after its end an hour's positions become chunks"`
	PartitionsAhead int           `env:"PARTITIONS_AHEAD" envDefault:"3" unit:"days" help:"day partitions made ahead"`
	CompactDelay    time.Duration `env:"COMPACT_DELAY" envDefault:"2h" unit:"duration" help:"how long after its end an hour of the log becomes one object"`

	RetainPositions time.Duration `env:"RETAIN_POSITIONS" envDefault:"0" unit:"duration" help:"how long positions stay in PostgreSQL; 0 keeps them"`
	RetainHistory   time.Duration `env:"RETAIN_HISTORY" envDefault:"0" unit:"duration" help:"how long sessions, plans and the ledger stay; 0 keeps them"`
	RetainLog       time.Duration `env:"RETAIN_LOG" envDefault:"0" unit:"duration" help:"how long bodies stay in the log; 0 keeps them"`
	RetainErrors    time.Duration `env:"RETAIN_ERRORS" envDefault:"720h" unit:"duration" help:"how long recorded errors and counts of requests stay; 0 keeps them"`
	RetainAlerts    time.Duration `env:"RETAIN_ALERTS" envDefault:"2160h" unit:"duration" help:"how long alerts that ended and their deliveries stay; 0 keeps them"`
	RetainUsage     time.Duration `env:"RETAIN_USAGE" envDefault:"2160h" unit:"duration" help:"how long the functions' hourly figures stay; 0 keeps them"`
}

// Setting describes one setting for --help and for the documentation.
type Setting struct {
	Name, Default, Unit, Help string
}

// Describe lists every setting in the order of Config.
func Describe() []Setting {
	fields := reflect.TypeFor[Config]()
	settings := make([]Setting, 0, fields.NumField())
	for i := range fields.NumField() {
		tag := fields.Field(i).Tag
		settings = append(settings, Setting{
			Name: tag.Get("env"), Default: tag.Get("envDefault"), Unit: tag.Get("unit"), Help: tag.Get("help"),
		})
	}
	return settings
}

// Load reads the settings from environ ("NAME=value" lines, as os.Environ gives
// them). Its error names every setting that is wrong, with what it should be.
func Load(environ []string) (Config, error) {
	values := map[string]string{}
	for _, line := range environ {
		// An empty variable means "not set": templates cannot leave one out.
		if name, value, found := strings.Cut(line, "="); found && value != "" {
			values[name] = value
		}
	}
	var loaded Config
	var problems []error
	if err := env.ParseWithOptions(&loaded, env.Options{Environment: values}); err != nil {
		problems = append(problems, describeParseErrors(err, values)...)
	}
	for _, problem := range loaded.check() {
		// What could not be read is zero, which need not be said as well.
		name, _, _ := strings.Cut(strings.TrimSpace(problem.Error()), ":")
		if !slices.ContainsFunc(problems, func(said error) bool { return strings.HasPrefix(said.Error(), "  "+name+"=") }) {
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return Config{}, fmt.Errorf("these settings are wrong:\n%w", errors.Join(problems...))
	}
	return loaded, nil
}

func describeParseErrors(err error, values map[string]string) []error {
	var aggregate env.AggregateError
	if !errors.As(err, &aggregate) {
		return []error{err}
	}
	var problems []error
	for _, single := range aggregate.Errors {
		var parse env.ParseError
		if !errors.As(single, &parse) {
			problems = append(problems, single)
			continue
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(parse.Name)
		name := field.Tag.Get("env")
		problems = append(problems, fmt.Errorf("  %s=%q: not a %s (default %s)", name, values[name], wanted(field.Type), field.Tag.Get("envDefault")))
	}
	return problems
}

func wanted(kind reflect.Type) string {
	switch {
	case kind == reflect.TypeFor[time.Duration]():
		return "duration such as 90s or 24h"
	case kind.Kind() == reflect.String:
		return "text"
	default:
		return "whole number"
	}
}

// check returns what is wrong beyond the types.
func (c Config) check() []error {
	var problems []error
	fail := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("  "+name+": "+format, args...))
	}
	if _, err := zapcore.ParseLevel(c.LogLevel); err != nil {
		fail("LOG_LEVEL", "%q is none of debug, info, warn, error", c.LogLevel)
	}
	addresses := []struct {
		name, value string
		schemes     []string
	}{
		{"FEED_STATUS_URL", c.FeedStatusURL, []string{"http", "https"}},
		{"FEED_NETWORK_URL", c.FeedNetworkURL, []string{"http", "https"}},
		{"FEED_TRANSCEIVERS_URL", c.FeedTransceiversURL, []string{"http", "https"}},
		{"REFERENCE_URL", c.ReferenceURL, []string{"http", "https"}},
		{"DATABASE_URL", c.DatabaseURL, []string{"postgres", "postgresql"}},
		{"QUERY_DATABASE_URL", c.QueryDatabaseURL, []string{"postgres", "postgresql"}},
		{"REDIS_URL", c.RedisURL, []string{"redis", "rediss", "unix"}},
		{"LOG_URL", c.LogURL, []string{"file", "s3"}},
		{"TICK_QUEUE_URL", c.QueueURL, []string{"http", "https"}},
	}
	for _, address := range addresses {
		if !validURL(address.value, address.schemes) {
			fail(address.name, "not a URL that starts with %s://", strings.Join(address.schemes, ":// or "))
		}
	}
	positive := []struct {
		name  string
		value int64
	}{
		{"FEED_TIMEOUT", int64(c.FeedTimeout)}, {"FEED_STALL", int64(c.FeedStall)},
		{"FEED_MAX_WIRE", c.FeedMaxWire}, {"FEED_MAX_BODY", c.FeedMaxBody},
		{"BACKLOG_PER_RUN", int64(c.BacklogPerRun)},
		{"QUERY_TIMEOUT", int64(c.QueryTimeout)}, {"QUERY_MAX_ROWS", int64(c.QueryMaxRows)}, {"QUERY_MAX_BYTES", int64(c.QueryMaxBytes)},
		{"QUERY_MAX_COST", int64(c.QueryMaxCost)}, {"QUERY_CONCURRENCY", int64(c.QueryConcurrency)},
		{"REWIND_LIMIT", int64(c.RewindLimit)}, {"SUSPICIOUS_TICKS", int64(c.SuspiciousTicks)},
	}
	for _, setting := range positive {
		if setting.value <= 0 {
			fail(setting.name, "must be more than 0")
		}
	}
	if c.DatabasePoolSize < 0 {
		fail("DATABASE_POOL_SIZE", "must not be negative")
	}
	if c.APIAccess != "open" && c.APIAccess != "keys" {
		fail("API_ACCESS", "%q is neither open nor keys", c.APIAccess)
	}
	if _, err := c.Origins(); err != nil {
		fail("API_CORS_ORIGINS", "%v", err)
	}
	limits := []struct {
		name  string
		value int
	}{
		{"RATE_LIMIT_ADDRESS", c.RateLimitAddress}, {"RATE_LIMIT_KEY", c.RateLimitKey}, {"RATE_LIMIT_QUERY", c.RateLimitQuery},
	}
	for _, limit := range limits {
		if limit.value < 0 || limit.value > mostPerMinute {
			fail(limit.name, "must be from 0 to %d", mostPerMinute)
		}
	}
	for _, network := range split(c.AlertNetworks) {
		if _, err := netip.ParsePrefix(network); err != nil {
			fail("ALERT_NETWORKS", "%q is no network such as 10.1.0.0/16", network)
		}
	}
	for _, key := range split(c.AlertKey) {
		if len(key) < leastAlertKey {
			fail("ALERT_KEY", "a key needs %d characters at least: openssl rand -base64 32 makes one", leastAlertKey)
		}
	}
	if c.PartitionsAhead < 2 {
		fail("PARTITIONS_AHEAD", "must be 2 or more, so that a day without cleanup loses nothing")
	}
	retained := []struct {
		name  string
		value time.Duration
	}{
		{"RETAIN_POSITIONS", c.RetainPositions}, {"RETAIN_HISTORY", c.RetainHistory}, {"RETAIN_LOG", c.RetainLog}, {"RETAIN_ERRORS", c.RetainErrors},
		{"RETAIN_USAGE", c.RetainUsage}, {"RETAIN_ALERTS", c.RetainAlerts},
		{"CHUNK_DELAY", c.ChunkDelay}, {"COMPACT_DELAY", c.CompactDelay},
	}
	for _, setting := range retained {
		if setting.value < 0 {
			fail(setting.name, "must not be negative")
		}
	}
	return problems
}

// leastAlertKey is internal/alert's.
const leastAlertKey = 32

// split returns what stands between commas.
func split(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// mostPerMinute is the largest rate that makes sense to count.
const mostPerMinute = 1_000_000_000

// Origins returns the origins of API_CORS_ORIGINS; "*" is all of them.
func (c Config) Origins() ([]string, error) {
	var origins []string
	for text := range strings.SplitSeq(c.APICORSOrigins, ",") {
		origin := strings.TrimSpace(text)
		parsed, err := url.Parse(origin)
		plain := err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https") &&
			origin == parsed.Scheme+"://"+parsed.Host
		if origin != "*" && !plain {
			return nil, fmt.Errorf("%q is neither * nor an origin such as https://map.example.org", origin)
		}
		origins = append(origins, strings.ToLower(origin))
	}
	return origins, nil
}

// validURL says whether value is empty or a URL of one of the schemes. The
// value itself stays out of messages: it may hold a password.
func validURL(value string, schemes []string) bool {
	if value == "" {
		return true
	}
	parsed, err := url.Parse(value)
	if err != nil {
		return false
	}
	for _, scheme := range schemes {
		if parsed.Scheme == scheme {
			return true
		}
	}
	return false
}
