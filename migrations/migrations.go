package migrations

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.sql
var tables embed.FS

//go:embed kept/*.sql
var kept embed.FS

//go:embed views/*.sql
var views embed.FS

// Tables are the migrations of what is computed from the log, in goose's
// format; the number in a file's name is its version. A rebuild applies them to
// a fresh schema.
func Tables() fs.FS { return tables }

// Kept are the migrations of what no log brings back, in the same format.
func Kept() (fs.FS, error) { return fs.Sub(kept, "kept") }

// Views returns the statement list that makes the views of the schema
// skyledger: the files of views/ in the order of their names. It is applied
// after every migration and every swap of schemas, with the active schema first
// in the search_path, and replaces what is there.
func Views() (string, error) {
	names, err := fs.Glob(views, "views/*.sql")
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, name := range names {
		text, err := views.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}
