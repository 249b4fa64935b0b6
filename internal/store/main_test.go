package store

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, func() error { return goleak.Find() })
}

const testSource = "recorded:tests"

// bundle is what a test needs beside its subject.
type bundle struct {
	URL  string
	Conn *pgx.Conn // of the test's own, not the store's
}

// setup returns a store on a fresh, migrated database. change may adapt the
// options.
func setup(t testing.TB, change ...func(*Options)) (*Store, *bundle) {
	t.Helper()
	db := pgtest.NewFrom(t, "migrated", func(url string) error {
		return Migrate(context.Background(), url, DefaultSchema, testSource)
	})
	// A clone lacks the role's settings, which belong to the database's id.
	must(t, Migrate(t.Context(), db.URL, DefaultSchema, testSource))
	options := Options{URL: db.URL, Source: testSource}
	for _, adapt := range change {
		adapt(&options)
	}
	s, err := Open(t.Context(), options)
	must(t, err)
	t.Cleanup(s.Close)
	conn, err := pgx.Connect(t.Context(), db.URL)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return s, &bundle{URL: db.URL, Conn: conn}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is the first snapshot of most tests: shortly before the end of an hour.
var start = time.Date(2024, 11, 21, 18, 59, 15, 123456000, time.UTC)

// at returns the time of the nth snapshot.
func at(n int) time.Time { return start.Add(time.Duration(n) * 15 * time.Second) }

func tickOf(t time.Time) time.Time { return t.Truncate(15 * time.Second) }

func pilotKey(cid int32) SessionKey {
	return SessionKey{Kind: vatsim.KindPilot, CID: cid, Callsign: "TST" + string('A'+cid%26), Logon: start.Add(-time.Hour)}
}

// changes returns a commit of an otherwise empty snapshot after head.
func changes(head Head, snapshot time.Time) Changes {
	next := head
	next.Version++
	next.Snapshot = snapshot
	next.Tick = tickOf(snapshot)
	return Changes{
		ExpectedVersion: head.Version,
		Snapshot:        SnapshotRow{At: snapshot, Received: snapshot.Add(2 * time.Second), Hash: []byte("hash of " + snapshot.String())},
		Tick: TickRow{
			Tick: tickOf(snapshot), Outcome: Received, Snapshot: snapshot,
			Received: snapshot.Add(2 * time.Second), Bytes: 1000, Hash: []byte("hash"),
		},
		Head: next,
	}
}

func opened(key SessionKey, first time.Time) OpenedSession {
	return OpenedSession{ID: SessionID(key), Key: key, FirstSeen: first, Server: "USA-EAST"}
}
