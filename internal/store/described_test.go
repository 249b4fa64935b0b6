package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheDatabaseSaysOfItself(t *testing.T) {
	t.Parallel()
	s, b := setup(t)
	for _, statement := range []string{
		`CREATE TABLE position_chunks_20241121 PARTITION OF position_chunks FOR VALUES FROM ('2024-11-21Z') TO ('2024-11-22Z')`,
		`CREATE TABLE position_chunks_20241122 PARTITION OF position_chunks FOR VALUES FROM ('2024-11-22Z') TO ('2024-11-23Z')`,
		`INSERT INTO position_chunks SELECT i, '2024-11-21 18:00Z'::timestamptz + i % 2 * interval '1 day', '{0}', '{1}', '{1}', '{1}', '{1}', '{1}', '{1}', '{1}' FROM generate_series(1, 700) i`,
		`ANALYZE`,
	} {
		_, err := b.Conn.Exec(t.Context(), statement)
		must(t, err)
	}
	t.Run("a table's partitions are summed", func(t *testing.T) {
		tables, err := s.Tables(t.Context())
		must(t, err)
		i := slices.IndexFunc(tables, func(table Table) bool { return table.Name == "position_chunks" })
		if i < 0 {
			t.Fatalf("%+v", tables)
		}
		chunks := tables[i]
		if chunks.Schema != DefaultSchema || chunks.Records == nil || *chunks.Records != 700 || chunks.Partitions != 2 || chunks.Analyzed == nil {
			t.Errorf("%+v", chunks)
		}
		var bytes, indexes int64
		must(t, b.Conn.QueryRow(t.Context(), `SELECT sum(pg_total_relation_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits
			WHERE inhparent = 'position_chunks'::regclass`).Scan(&bytes, &indexes))
		if chunks.Bytes != bytes || chunks.IndexBytes != indexes {
			t.Errorf("%d and %d bytes, want %d and %d", chunks.Bytes, chunks.IndexBytes, bytes, indexes)
		}
		if slices.ContainsFunc(tables, func(table Table) bool { return strings.HasPrefix(table.Name, "position_chunks_") }) {
			t.Error("partitions are listed by themselves")
		}
		if !slices.ContainsFunc(tables, func(table Table) bool { return table.Schema == KeptSchema && table.Name == "api_keys" }) {
			t.Error("the kept tables are missing")
		}
	})
	t.Run("migrations are applied, and one taken back is pending", func(t *testing.T) {
		states, err := s.Migrations(t.Context())
		must(t, err)
		for _, state := range states {
			if state.Pending != 0 || state.Version != state.Latest || state.Latest == 0 {
				t.Errorf("%+v", state)
			}
		}
		_, err = b.Conn.Exec(t.Context(), `DELETE FROM `+versionTable+` WHERE version_id = (SELECT max(version_id) FROM `+versionTable+`)`)
		must(t, err)
		if states, err = s.Migrations(t.Context()); err != nil || states[0].Pending != 1 {
			t.Errorf("%+v, %v", states, err)
		}
	})
	t.Run("every view and column that people read says what it is", func(t *testing.T) {
		views, err := s.Views(t.Context())
		must(t, err)
		for _, view := range views {
			if view.Comment == "" || len(view.Columns) == 0 || len(view.Reads) == 0 {
				t.Errorf("%s: comment %q, %d columns, reads %v", view.Name, view.Comment, len(view.Columns), view.Reads)
			}
			for _, column := range view.Columns {
				if column.Comment == "" || column.Type == "" {
					t.Errorf("%s.%s: comment %q, type %q", view.Name, column.Name, column.Comment, column.Type)
				}
			}
		}
		functions, err := s.ViewFunctions(t.Context())
		must(t, err)
		if len(functions) == 0 || functions[0].Comment == "" || functions[0].Arguments == "" {
			t.Errorf("%+v", functions)
		}
	})
	t.Run("the address holds no password", func(t *testing.T) {
		for given, want := range map[string]string{
			"postgres://sky:se%23cret@db:5432/net?password=other": "postgres://sky:***@db:5432/net",
			"postgres://sky@db/net":                               "postgres://sky@db/net",
			"postgresql:///net?host=/run&password=x":              "postgresql:///net",
		} {
			store := &Store{options: Options{URL: given}}
			requireDiff(t, given, cmp.Diff(want, store.Address()))
		}
	})
}

func TestQueryRole(t *testing.T) {
	t.Parallel()
	_, b := setup(t)
	address, err := QueryURL(b.URL, "of the tests")
	must(t, err)
	t.Run("its password is set once, and what is right is left alone", func(t *testing.T) {
		const kept = `SELECT rolpassword FROM pg_authid WHERE rolname = '` + QueryRole + `'`
		must(t, LetQueryRoleIn(t.Context(), b.URL, address))
		var first, second string
		must(t, b.Conn.QueryRow(t.Context(), kept).Scan(&first))
		must(t, LetQueryRoleIn(t.Context(), b.URL, address))
		must(t, b.Conn.QueryRow(t.Context(), kept).Scan(&second))
		if first != second || !strings.HasPrefix(first, "SCRAM-SHA-256$") {
			t.Errorf("%s, then %s", first, second)
		}
	})
	t.Run("a role that may not make it is told what to do, and its database is migrated", func(t *testing.T) {
		for _, statement := range []string{
			`DROP ROLE IF EXISTS plain`, `CREATE ROLE plain LOGIN PASSWORD 'p'`, `DROP DATABASE IF EXISTS of_plain`, `CREATE DATABASE of_plain OWNER plain`,
		} {
			_, err := b.Conn.Exec(t.Context(), statement)
			must(t, err)
		}
		plain := strings.Replace(address, QueryRole, "plain", 1)
		plain = plain[:strings.LastIndex(plain, "/")] + "/of_plain" + plain[strings.Index(plain, "?"):]
		plain = strings.Replace(plain, "of%20the%20tests", "p", 1)
		must(t, Migrate(t.Context(), plain, DefaultSchema, testSource))
		wrong, err := QueryURL(b.URL, "another")
		must(t, err)
		err = LetQueryRoleIn(t.Context(), plain, wrong)
		if err == nil || !strings.Contains(err.Error(), "query_role") {
			t.Errorf("error = %v", err)
		}
		for _, statement := range []string{`DROP DATABASE of_plain`, `DROP ROLE plain`} {
			_, err = b.Conn.Exec(t.Context(), statement)
			must(t, err)
		}
	})
}
