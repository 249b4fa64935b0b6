package api

import (
	"context"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/store"
)

// Database tells of itself; *store.Store is one.
type Database interface {
	Tables(ctx context.Context) ([]store.Table, error)
	Views(ctx context.Context) ([]store.View, error)
	ViewFunctions(ctx context.Context) ([]store.ViewFunction, error)
	Migrations(ctx context.Context) ([]store.Migrations, error)
	ServerVersion(ctx context.Context) (string, error)
	Pool() store.Pool
	Address() string
}

// CacheServer tells of the cache's server; *live.Reader is one.
type CacheServer interface {
	Server(ctx context.Context) (live.Server, error)
}

// DatabaseStatus is the shape of /api/database/status. What cannot be measured
// is null.
type DatabaseStatus struct {
	Stamped
	Database   DatabaseFigures  `json:"database"`
	Cache      CacheFigures     `json:"cache"`
	Migrations MigrationFigures `json:"migrations"`
	Reasons    []string         `json:"reasons" doc:"which parts do not answer, and why"`
}

// DatabaseFigures are of the database and of this function's pool.
type DatabaseFigures struct {
	DatabaseType     string  `json:"database_type"`
	Version          *string `json:"version" doc:"as the server says; null when it does not answer"`
	ConnectionString string  `json:"connection_string" doc:"without the password"`
	Status           string  `json:"status" enum:"up,down"`
	PoolSize         int     `json:"pool_size" doc:"most connections that this function opens"`
	CheckedIn        int     `json:"checked_in" doc:"open and idle now"`
	CheckedOut       int     `json:"checked_out" doc:"in use now"`
	Overflow         int     `json:"overflow" doc:"open beyond pool_size"`
}

// CacheFigures are what Redis says of itself.
type CacheFigures struct {
	Status           string   `json:"status" doc:"none where no Redis is configured" enum:"up,down,none"`
	Version          *string  `json:"version"`
	ConnectedClients *int64   `json:"connected_clients"`
	UsedMemoryHuman  *string  `json:"used_memory_human"`
	KeyspaceHits     *int64   `json:"keyspace_hits" doc:"since the server began, of all who use it"`
	KeyspaceMisses   *int64   `json:"keyspace_misses"`
	HitRate          *float64 `json:"hit_rate" doc:"hits of all look-ups, 0 to 1; null before there are any"`
}

// MigrationFigures say how far the schemas are.
type MigrationFigures struct {
	Status  string           `json:"status" doc:"unknown while the database does not answer" enum:"current,pending,unknown"`
	Pending *int             `json:"pending" doc:"migrations that this program knows and the database has not"`
	Schemas []MigrationState `json:"schemas"`
}

// MigrationState is one schema's.
type MigrationState struct {
	Schema  string `json:"schema"`
	Applied int64  `json:"applied" doc:"number of the newest that is applied"`
	Latest  int64  `json:"latest" doc:"number of the newest that this program knows"`
	Pending int    `json:"pending"`
}

// TableRow is one table of the product, its partitions included.
type TableRow struct {
	ID          string     `json:"id" doc:"schema and name: both schemas have a table of migrations"`
	Name        string     `json:"name"`
	Schema      string     `json:"schema"`
	RecordCount *int64     `json:"record_count" doc:"as the statistics estimate it; null before there are any"`
	Bytes       int64      `json:"bytes" doc:"on disk, indexes included"`
	IndexBytes  int64      `json:"index_bytes"`
	Partitions  int        `json:"partitions" doc:"0 for a table that has none"`
	Analyzed    *time.Time `json:"analyzed" doc:"when the oldest of its statistics was made"`
}

// TableKeys are the original's keys beside the tables.
type TableKeys struct {
	TotalTables int `json:"total_tables"`
}

// ViewRow is one view that people may read.
type ViewRow struct {
	Name    string             `json:"name"`
	Comment string             `json:"comment"`
	Columns []store.ViewColumn `json:"columns"`
	Reads   []string           `json:"reads" doc:"tables and views it is made of"`
}

// ViewKeys are what is beside the views.
type ViewKeys struct {
	Schema     string         `json:"schema" doc:"where the views are; its name may be left out"`
	TotalViews int            `json:"total_views"`
	Functions  []ViewFunction `json:"functions" doc:"functions of the product, beside PostgreSQL's own that only compute"`
}

// ViewFunction is one function that people may call.
type ViewFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	Returns   string `json:"returns"`
	Comment   string `json:"comment"`
}

// DatabaseGroup registers the operations of api-database.
func DatabaseGroup(s *service) {
	object(s, Operation{
		Path: "/api/database/status", Summary: "How the database, its pool, the cache and the migrations are", Keep: -1,
	}, s.databaseStatus)
	list(s, Operation{
		Path: "/api/database/tables", Summary: "The tables with estimates of what they hold",
		Description: "Counts come from the statistics: nothing is counted for an answer.",
		Example:     "/api/database/tables?sort=-bytes&limit=5", Keep: time.Minute,
	}, List[TableRow]{Key: "tables", ID: "id", Keys: TableKeys{}, Timestamp: true}, s.tables)
	list(s, Operation{
		Path: "/api/database/schema", Summary: "What SQL may read: views, columns and functions, with what they mean",
		Example: "/api/database/schema?fields=name,comment", Keep: time.Minute,
	}, List[ViewRow]{Key: "views", ID: "name", Keys: ViewKeys{}, Timestamp: true}, s.views)
	s.statements()
}

func (s *service) databaseStatus(ctx context.Context, _ *Conditional) (*DatabaseStatus, error) {
	answer := &DatabaseStatus{
		Database:   DatabaseFigures{DatabaseType: "PostgreSQL", ConnectionString: s.Database.Address(), Status: "up"},
		Migrations: MigrationFigures{Status: "unknown", Schemas: []MigrationState{}},
		Reasons:    []string{},
	}
	missing := func(part string, err error) {
		s.note(ctx, err)
		answer.Reasons = append(answer.Reasons, part+": "+fault.ReasonOf(err))
	}
	if version, err := s.Database.ServerVersion(ctx); err != nil {
		answer.Database.Status = "down"
		missing("database", err)
	} else {
		answer.Database.Version = &version
		states, err := s.Database.Migrations(ctx)
		if err != nil {
			missing("migrations", err)
		} else {
			answer.Migrations = migrationFigures(states)
		}
	}
	pool := s.Database.Pool() // after its use, so that what is idle shows
	answer.Database.PoolSize, answer.Database.Overflow = int(pool.Max), int(max(0, pool.Size-pool.Max))
	answer.Database.CheckedIn, answer.Database.CheckedOut = int(pool.Idle), int(pool.InUse)
	figures, err := s.Cache.Server(ctx)
	answer.Cache = cacheFigures(figures, err)
	if answer.Cache.Status == "down" {
		missing("cache", err)
	}
	return answer, nil
}

func migrationFigures(states []store.Migrations) MigrationFigures {
	pending := 0
	figures := MigrationFigures{Status: "current", Pending: &pending, Schemas: []MigrationState{}}
	for _, state := range states {
		pending += state.Pending
		figures.Schemas = append(figures.Schemas, MigrationState{Schema: state.Schema, Applied: state.Version, Latest: state.Latest, Pending: state.Pending})
	}
	if pending > 0 {
		figures.Status = "pending"
	}
	return figures
}

func cacheFigures(server live.Server, err error) CacheFigures {
	switch {
	case fault.ReasonOf(err) == live.NoRedis:
		return CacheFigures{Status: "none"}
	case err != nil:
		return CacheFigures{Status: "down"}
	}
	figures := CacheFigures{
		Status: "up", Version: server.Version, ConnectedClients: server.ConnectedClients, UsedMemoryHuman: server.UsedMemory,
		KeyspaceHits: server.KeyspaceHits, KeyspaceMisses: server.KeyspaceMisses,
	}
	if hits, misses := server.KeyspaceHits, server.KeyspaceMisses; hits != nil && misses != nil && *hits+*misses > 0 {
		rate := float64(*hits) / float64(*hits+*misses)
		figures.HitRate = &rate
	}
	return figures
}

func (s *service) tables(ctx context.Context, _ *listOnly) (Rows[TableRow], error) {
	tables, err := s.Database.Tables(ctx)
	rows := Rows[TableRow]{
		All:  make([]TableRow, 0, len(tables)),
		Keys: func(matched []TableRow) any { return TableKeys{TotalTables: len(matched)} },
	}
	for _, table := range tables {
		row := TableRow{
			ID: table.Schema + "." + table.Name, Name: table.Name, Schema: table.Schema, RecordCount: table.Records, Bytes: table.Bytes, IndexBytes: table.IndexBytes, Partitions: table.Partitions,
		}
		if table.Analyzed != nil {
			row.Analyzed = utc(*table.Analyzed)
		}
		rows.All = append(rows.All, row)
	}
	return rows, err
}

// listOnly is the input of a list without parameters of its own.
type listOnly struct{ ListParams }

func (s *service) views(ctx context.Context, _ *listOnly) (Rows[ViewRow], error) {
	views, err := s.Database.Views(ctx)
	if err != nil {
		return Rows[ViewRow]{}, err
	}
	found, err := s.Database.ViewFunctions(ctx)
	functions := make([]ViewFunction, 0, len(found))
	for _, function := range found {
		functions = append(functions, ViewFunction(function))
	}
	rows := Rows[ViewRow]{
		All: make([]ViewRow, 0, len(views)),
		Keys: func(matched []ViewRow) any {
			return ViewKeys{Schema: "skyledger", TotalViews: len(matched), Functions: functions}
		},
	}
	for _, view := range views {
		rows.All = append(rows.All, ViewRow(view))
	}
	return rows, err
}
