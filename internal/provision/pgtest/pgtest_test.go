package pgtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error { return goleak.Find() })
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	rows, _ := connection.Query(ctx, sql)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func execute(url, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	_, err = connection.Exec(ctx, sql)
	return err
}

func TestDatabases(t *testing.T) {
	t.Run("each test has an empty database of its own", func(t *testing.T) {
		first, second := pgtest.New(t), pgtest.New(t)
		if err := execute(first.URL, "create table mark (n int)"); err != nil {
			t.Fatal(err)
		}
		if n := query[int](t, second.URL, "select count(*)::int from pg_tables where tablename = 'mark'"); n != 0 {
			t.Errorf("the second database has %d tables of the first", n)
		}
	})

	t.Run("a prepared database is cloned and prepared once", func(t *testing.T) {
		prepared := 0
		prepare := func(url string) error {
			prepared++
			return execute(url, "create table mark as select 7 as n")
		}
		first := pgtest.NewFrom(t, "mark", prepare)
		second := pgtest.NewFrom(t, "mark", prepare)
		if err := execute(first.URL, "delete from mark"); err != nil {
			t.Fatal(err)
		}
		if n := query[int](t, second.URL, "select n from mark"); n != 7 || prepared != 1 {
			t.Errorf("n = %d, prepared %d times; want 7 and once", n, prepared)
		}
	})
}

func TestServer(t *testing.T) {
	ctx := t.Context()
	server := pgtest.Server(t, map[string]string{"max_connections": "25"})
	url := server.URL("postgres")

	t.Run("it is durable and takes settings", func(t *testing.T) {
		if fsync := query[string](t, url, "show fsync"); fsync != "on" {
			t.Errorf("fsync = %s", fsync)
		}
		if n := query[string](t, url, "show max_connections"); n != "25" {
			t.Errorf("max_connections = %s", n)
		}
	})

	t.Run("committed rows survive a kill of the whole cluster", func(t *testing.T) {
		if err := execute(url, "create table kept as select 42 as n"); err != nil {
			t.Fatal(err)
		}
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if server.Running() {
			t.Error("it runs after Kill")
		}
		if err := execute(url, "select 1"); err == nil {
			t.Error("it answers after Kill")
		}
		if err := server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if n := query[int](t, url, "select n from kept"); n != 42 {
			t.Errorf("n = %d", n)
		}
	})

	t.Run("it stops cleanly and starts again on the same port", func(t *testing.T) {
		if err := server.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		if n := query[int](t, url, "select n from kept"); n != 42 {
			t.Errorf("n = %d", n)
		}
	})
}
