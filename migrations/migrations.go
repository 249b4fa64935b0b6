package migrations

import "embed"

// Tables are the migrations in goose's format; the number in a file's name is
// its version.
//
//go:embed *.sql
var Tables embed.FS

// Views is the statement list that makes the views of the schema skyledger. It
// is applied after every migration and every swap of schemas, with the active
// schema first in the search_path, and replaces what is there.
//
//go:embed views/skyledger.sql
var Views string
