// Package migrations holds the schema as SQL, in order, and the views that
// people read. Table names are unqualified: the connection's search_path
// chooses the schema, so that a rebuild fills a fresh one beside the active
// one. internal/store applies both.
package migrations
