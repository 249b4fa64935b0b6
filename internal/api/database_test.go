package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/provision/redistest"
	"github.com/skyledger/skyledger/internal/query"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/store"
)

// databaseHandler is api-database on a real PostgreSQL and Redis.
func databaseHandler(t testing.TB, limits query.Limits) (http.Handler, *query.Sandbox) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	url := pgtest.New(t).URL
	must(store.Migrate(t.Context(), url, store.DefaultSchema, "live"))
	address, err := store.QueryURL(url, "of the tests")
	must(err)
	must(store.LetQueryRoleIn(t.Context(), url, address))
	database, err := store.Open(context.Background(), store.Options{URL: url, Source: "live"})
	must(err)
	t.Cleanup(database.Close)
	client, err := live.Dial(redistest.New(t).URL)
	must(err)
	reader := live.NewReader(live.Options{Client: client, Memory: live.NewMemory()})
	t.Cleanup(func() { reader.Close(); client.Close() })
	sandbox, err := query.Open(query.Options{URL: address, Parser: grammar.Parse, Limits: limits, Running: 1, Wait: time.Millisecond})
	must(err)
	t.Cleanup(sandbox.Close)
	handler, err := api.New(api.Deps{
		Database: database, Cache: reader, SQL: sandbox, Source: "live", Clock: func() time.Time { return now }, Logger: zap.NewNop(),
	}, "api-database")
	must(err)
	return handler, sandbox
}

func body(statement string) string { return `{"query":` + strconv.Quote(statement) + `}` }

func TestStatements(t *testing.T) {
	handler, _ := databaseHandler(t, query.Limits{Rows: 5})
	post := func(statement string) (answer struct {
		Success   bool
		Data      []map[string]any
		RowCount  int `json:"row_count"`
		Columns   []string
		Query     string
		Truncated bool
		Timestamp time.Time
		Meta      api.StatementMeta
	}) {
		t.Helper()
		got := askBody(handler, "POST", "/api/database/query", body(statement))
		if got.Code != http.StatusOK {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		if err := json.Unmarshal(got.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, got.Body)
		}
		return answer
	}
	t.Run("the original's keys are there, with the rows", func(t *testing.T) {
		const statement = `select n, n > 1 as more from generate_series(1, 2) n`
		got := post(statement)
		if !got.Success || got.RowCount != 2 || got.Query != statement || got.Truncated || !got.Timestamp.Equal(now) ||
			!slices.Equal(got.Columns, []string{"n", "more"}) || got.Data[1]["more"] != true || got.Meta.TruncatedBy != nil {
			t.Errorf("%+v", got)
		}
		if column := got.Meta.Columns[0]; column.Type != "int4" || column.JSON != "number" || got.Meta.Estimate.Rows != 2 {
			t.Errorf("%+v", got.Meta)
		}
	})
	t.Run("rows beyond the limit are cut, and the answer says so", func(t *testing.T) {
		got := post(`select * from generate_series(1, 6) n`)
		if got.RowCount != 5 || !got.Truncated || *got.Meta.TruncatedBy != "rows" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("no rows are an empty list", func(t *testing.T) {
		got := askBody(handler, "POST", "/api/database/query", body(`select 1 where false`))
		if !strings.Contains(got.Body.String(), `"data":[],`) {
			t.Error(got.Body)
		}
	})
	for format, want := range map[string]string{"csv": "n,t\n1,\"a,b\"\n2,\n", "ndjson": "{\"n\":1,\"t\":\"a,b\"}\n{\"n\":2,\"t\":null}\n"} {
		t.Run("as "+format, func(t *testing.T) {
			got := askBody(handler, "POST", "/api/database/query?format="+format, body(`values (1, 'a,b'), (2, null)`))
			text := strings.Replace(got.Body.String(), "column1", "n", -1)
			text = strings.Replace(text, "column2", "t", -1)
			if got.Code != http.StatusOK || text != want || got.Header().Get("X-Truncated") != "false" {
				t.Errorf("%d %q %v", got.Code, text, got.Header())
			}
		})
	}
	t.Run("what is refused says where and why, and what is allowed", func(t *testing.T) {
		got := askBody(handler, "POST", "/api/database/query", body("select 1,\n  pg_sleep(10)"))
		var problem api.Problem
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil {
			t.Fatal(err)
		}
		if got.Code != http.StatusUnprocessableEntity || !strings.Contains(problem.Detail, "Line 2, column 3: The function pg_sleep is not allowed.") {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		place, _ := problem.Errors[0].Value.(map[string]any)
		if problem.Errors[0].Location != "body.query" || place["line"] != 2.0 || place["column"] != 3.0 || place["offset"] != 13.0 {
			t.Errorf("%+v", problem.Errors[0])
		}
	})
	for name, test := range map[string]struct {
		body string
		code int
	}{
		"no body":                 {"", http.StatusBadRequest},
		"no JSON":                 {"select 1", http.StatusBadRequest},
		"no query":                {`{}`, http.StatusUnprocessableEntity},
		"an empty one":            {`{"query":" "}`, http.StatusUnprocessableEntity},
		"another type":            {`{"query":1}`, http.StatusUnprocessableEntity},
		"a key that is not known": {`{"query":"select 1","limit":3}`, http.StatusUnprocessableEntity},
		"more than 64 KB":         {`{"query":"select 1 -- ` + strings.Repeat("x", 65<<10) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name+" is the caller's mistake", func(t *testing.T) {
			got := askBody(handler, "POST", "/api/database/query", test.body)
			var problem api.Problem
			err := json.Unmarshal(got.Body.Bytes(), &problem)
			if err != nil || got.Code != test.code || got.Header().Get("Content-Type") != "application/problem+json" || problem.Detail == "The request is not valid." {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
	t.Run("a GET is not possible", func(t *testing.T) {
		got := ask(handler, "GET", "/api/database/query")
		if got.Code != http.StatusMethodNotAllowed || !strings.Contains(got.Header().Get("Allow"), "POST") {
			t.Errorf("%d %v", got.Code, got.Header())
		}
	})
}

func TestAStatementThatTakesTooLongIsATimeout(t *testing.T) {
	handler, _ := databaseHandler(t, query.Limits{Time: 100 * time.Millisecond, Cost: 1e15})
	got := askBody(handler, "POST", "/api/database/query", body(`select count(*) from generate_series(1, 1000000000)`))
	if got.Code != http.StatusGatewayTimeout || !strings.Contains(got.Body.String(), "100ms") || got.Header().Get("Retry-After") != "" {
		t.Errorf("%d %s, Retry-After %q", got.Code, got.Body, got.Header().Get("Retry-After"))
	}
}

func TestMoreStatementsThanMayRunAreToldToComeAgain(t *testing.T) {
	handler, sandbox := databaseHandler(t, query.Limits{Time: 20 * time.Second, Cost: 1e15})
	ctx, cancel := context.WithCancel(t.Context())
	running := make(chan struct{})
	go func() {
		defer close(running)
		_, _ = sandbox.Run(ctx, `select count(*) from generate_series(1, 10000000000)`)
	}()
	for { // until it has the one place there is
		if _, inUse, _ := sandbox.Pool(); inUse > 0 {
			break
		}
		select {
		case <-running:
			t.Fatal("it ended by itself")
		case <-time.After(time.Millisecond):
		}
	}
	got := askBody(handler, "POST", "/api/database/query", body(`select 1`))
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "5" {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
	cancel()
	<-running
}

func TestDatabase(t *testing.T) {
	handler, _ := databaseHandler(t, query.Limits{})
	get := func(path string, into any) {
		t.Helper()
		got := ask(handler, "GET", path)
		if got.Code != http.StatusOK {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		if err := json.Unmarshal(got.Body.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("status is measured and keeps the password to itself", func(t *testing.T) {
		var status api.DatabaseStatus
		get("/api/database/status", &status)
		database, cache := status.Database, status.Cache
		if database.Status != "up" || database.Version == nil || database.PoolSize != 2 || database.CheckedIn+database.CheckedOut < 1 ||
			!strings.Contains(database.ConnectionString, ":***@") || len(status.Reasons) > 0 {
			t.Errorf("%+v %v", database, status.Reasons)
		}
		if cache.Status != "up" || cache.ConnectedClients == nil || *cache.ConnectedClients < 1 || cache.UsedMemoryHuman == nil {
			t.Errorf("%+v", cache)
		}
		if status.Migrations.Status != "current" || len(status.Migrations.Schemas) != 2 || *status.Migrations.Pending != 0 || !status.Timestamp.Equal(now) {
			t.Errorf("%+v", status.Migrations)
		}
	})
	t.Run("tables are listed, with their number", func(t *testing.T) {
		var tables struct {
			Tables      []api.TableRow
			TotalTables int `json:"total_tables"`
			Timestamp   time.Time
		}
		get("/api/database/tables?sort=name", &tables)
		if len(tables.Tables) != tables.TotalTables || len(tables.Tables) < 10 || !tables.Timestamp.Equal(now) {
			t.Errorf("%d of %d at %s", len(tables.Tables), tables.TotalTables, tables.Timestamp)
		}
		if !slices.ContainsFunc(tables.Tables, func(row api.TableRow) bool { return row.Name == "head" && row.Bytes > 0 }) {
			t.Errorf("%+v", tables.Tables)
		}
	})
	t.Run("page by page every table comes once, whatever its schema", func(t *testing.T) {
		var whole, page struct {
			Tables []api.TableRow
			Meta   api.Meta
		}
		get("/api/database/tables", &whole)
		seen := map[string]int{}
		for cursor := ""; ; cursor = *page.Meta.NextCursor {
			page.Meta.NextCursor = nil
			get("/api/database/tables?limit=1&cursor="+cursor, &page)
			for _, row := range page.Tables {
				seen[row.Schema+"."+row.Name]++
			}
			if page.Meta.NextCursor == nil {
				break
			}
		}
		for _, row := range whole.Tables {
			if name := row.Schema + "." + row.Name; seen[name] != 1 {
				t.Errorf("%s came %d times", name, seen[name])
			}
		}
	})
	t.Run("the schema says what SQL may read", func(t *testing.T) {
		var schema struct {
			Views []api.ViewRow
			api.ViewKeys
		}
		get("/api/database/schema", &schema)
		i := slices.IndexFunc(schema.Views, func(row api.ViewRow) bool { return row.Name == "position" })
		if i < 0 || schema.TotalViews != len(schema.Views) || schema.Views[i].Columns[0].Type != "timestamp with time zone" {
			t.Fatalf("%+v", schema)
		}
		if len(schema.Functions) == 0 || schema.Functions[0].Name != "positions" {
			t.Errorf("%+v", schema.Functions)
		}
	})
}

// The interfaces are those of the parts that are wired in.
var (
	_ api.Database    = (*store.Store)(nil)
	_ api.CacheServer = (*live.Reader)(nil)
	_ api.Statements  = (*query.Sandbox)(nil)
)
