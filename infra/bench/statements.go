package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/query"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/store"
)

// ticksKept is a week of the ledger, for statements to read.
const ticksKept = 7 * 24 * 60 * 4

// statementsSQL fills the ledger without a recorder: the statements are on
// trial and not what they read.
const statementsSQL = `INSERT INTO ticks (tick, outcome, reason, snapshot, received, bytes, hash)
	SELECT t, 3, '', t, t + interval '2 seconds', 1000000 + extract(epoch FROM t)::int % 1000, '\x01'
	FROM generate_series(1, $1) n, LATERAL (SELECT '2026-03-01Z'::timestamptz + n * interval '15 seconds' AS t) at`

// measureStatements compares a statement behind the three walls with the same
// one on a bare connection of the same role. A small one shows what the walls
// cost, an ordinary one what share that is.
func measureStatements(ctx context.Context, _ settings) (rows []Row, err error) {
	b, err := newBench(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	url, err := b.database(ctx, "statements")
	if err != nil {
		return nil, err
	}
	address, err := store.QueryURL(url, "of the bench")
	if err == nil {
		err = store.LetQueryRoleIn(ctx, url, address)
	}
	if err != nil {
		return nil, err
	}
	owner, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer owner.Close(ctx)
	if _, err := owner.Exec(ctx, statementsSQL, ticksKept); err != nil {
		return nil, err
	}
	if _, err := owner.Exec(ctx, `ANALYZE`); err != nil {
		return nil, err
	}
	bare, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer bare.Close(ctx)
	sandbox, err := query.Open(query.Options{URL: address, Parser: grammar.Parse})
	if err != nil {
		return nil, err
	}
	defer sandbox.Close()
	for _, statement := range []struct {
		name, text string
		goal       float64
	}{
		{"SQL for people, one row", `SELECT tick, outcome FROM skyledger.feed_ledger WHERE tick = '2026-03-02T00:00Z'`, 10},
		{"SQL for people, a week by the hour", `SELECT date_trunc('hour', tick) AS hour, outcome, count(*), avg(bytes) FROM skyledger.feed_ledger GROUP BY 1, 2 ORDER BY 1`, 1.3},
	} {
		walled, free, err := race(ctx, statement.text, sandbox, bare)
		if err != nil {
			return rows, err
		}
		rows = append(rows, newRow(statement.name, walled, "ms", free, "the bare statement, ms", statement.goal))
	}
	return rows, nil
}

// race returns the medians in milliseconds, taken in turns.
func race(ctx context.Context, text string, sandbox *query.Sandbox, bare *pgx.Conn) (walled, free float64, err error) {
	var with, without []float64
	for i := range 60 {
		began := time.Now()
		if _, err := sandbox.Run(ctx, text); err != nil {
			return 0, 0, err
		}
		between := time.Now()
		if result := bare.PgConn().ExecParams(ctx, text, nil, nil, nil, nil).Read(); result.Err != nil {
			return 0, 0, result.Err
		}
		if i >= 10 { // warm
			with = append(with, between.Sub(began).Seconds()*1000)
			without = append(without, time.Since(between).Seconds()*1000)
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	return with[len(with)/2], without[len(without)/2], nil
}
