package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/statement"
)

// How a statement was explained without the values of its parameters.
const (
	ExplainedAsIs        = "as_is"        // it has no parameters
	ExplainedGeneric     = "generic_plan" // EXPLAIN (GENERIC_PLAN), PostgreSQL 16 and later
	ExplainedPlaceholder = "placeholders" // PostgreSQL 15: each parameter became a sub-select of its type
)

// Explained is a statement's plan as PostgreSQL gives it: the object that has
// the key Plan. Refused says in words why there is none.
type Explained struct {
	Method   string
	Executed bool // the rows and times in it were measured
	Cost     float64
	Plan     json.RawMessage
	Refused  string
}

// explainTimeout bounds the planning of a statement, and measureTimeout the
// execution of one that only reads.
const (
	explainTimeout = 3 * time.Second
	measureTimeout = 2 * time.Second
)

// Explain plans statements in a transaction that can change nothing. None is
// executed, except, where measured is true, those that read, have no parameters
// and call no volatile function; they are stopped after two seconds.
func (s *Store) Explain(ctx context.Context, text string, measured bool) (Explained, error) {
	var found Explained
	if !statement.Explainable(text) {
		return Explained{Method: ExplainedAsIs, Refused: notExplainable}, nil
	}
	err := s.look(ctx, "store.Explain", func(ctx context.Context, tx pgx.Tx) error {
		planner, err := newPlanner(ctx, tx)
		if err != nil {
			return err
		}
		if found, err = planner.explain(ctx, text); err != nil || found.Refused != "" || !measured || found.Method != ExplainedAsIs {
			return err
		}
		return planner.measure(ctx, text, &found)
	})
	return found, err
}

// notExplainable is said of anything but one statement of rows. It also keeps
// what follows a semicolon from being sent along with EXPLAIN.
const notExplainable = "EXPLAIN takes one SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES, kept in full."

// planner explains statements on one transaction.
type planner struct {
	tx      pgx.Tx
	generic bool // the server has GENERIC_PLAN
}

func newPlanner(ctx context.Context, tx pgx.Tx) (*planner, error) {
	p := &planner{tx: tx}
	err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int >= 160000, set_config('statement_timeout', $1, true)`,
		milliseconds(explainTimeout)).Scan(&p.generic, nil)
	return p, err
}

// explain plans a statement. An error is one of the connection; what PostgreSQL
// says of the statement is in Refused.
func (p *planner) explain(ctx context.Context, text string) (Explained, error) {
	found := Explained{Method: ExplainedAsIs}
	options := "FORMAT JSON, VERBOSE"
	parameters := statement.Parameters(text)
	switch {
	case parameters > 0 && p.generic:
		found.Method, options = ExplainedGeneric, options+", GENERIC_PLAN"
	case parameters > 0:
		found.Method = ExplainedPlaceholder
	}
	var err error
	found.Refused, err = attempt(ctx, p.tx, func(tx pgx.Tx) error {
		if found.Method == ExplainedPlaceholder {
			if text, err = withoutValues(ctx, tx, text); err != nil {
				return err
			}
		}
		found.Plan, err = planOf(ctx, tx, options, text)
		return err
	})
	if err == nil && found.Refused == "" {
		found.Cost, err = costOf(found.Plan)
	}
	return found, err
}

// planOf sends the statement as it is written, by the simple protocol: the other
// would ask for values of the parameters. The caller has made sure that it is
// one statement.
func planOf(ctx context.Context, tx pgx.Tx, options, text string) (json.RawMessage, error) {
	results, err := tx.Conn().PgConn().Exec(ctx, `EXPLAIN (`+options+`) `+text).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil, fmt.Errorf("EXPLAIN gave %d results", len(results))
	}
	var plans []json.RawMessage
	if err := json.Unmarshal(results[0].Rows[0][0], &plans); err != nil || len(plans) != 1 {
		return nil, fmt.Errorf("%d plans: %w", len(plans), err)
	}
	return plans[0], nil
}

func costOf(plan json.RawMessage) (float64, error) {
	var top struct {
		Plan struct {
			TotalCost float64 `json:"Total Cost"`
		}
	}
	err := json.Unmarshal(plan, &top)
	return top.Plan.TotalCost, err
}

// compiles reports whether PostgreSQL compiles the plan before it begins.
func compiles(plan json.RawMessage) bool {
	var top struct{ JIT json.RawMessage }
	return json.Unmarshal(plan, &top) == nil && top.JIT != nil
}

// withoutValues asks PostgreSQL for the types of the statement's parameters, by
// an unnamed statement that leaves nothing behind, and puts sub-selects in
// their place.
func withoutValues(ctx context.Context, tx pgx.Tx, text string) (string, error) {
	described, err := tx.Conn().PgConn().Prepare(ctx, "", text, nil)
	if err != nil {
		return "", err
	}
	rows, err := tx.Query(ctx, `SELECT format_type(t.oid, NULL) FROM unnest($1::oid[]) WITH ORDINALITY AS t(oid, no) ORDER BY no`, described.ParamOIDs)
	if err != nil {
		return "", err
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return statement.WithoutValues(text, types), err
}

// measure executes a statement that only reads, for its true rows and times.
// One that may not be, or that takes too long, keeps its plan.
func (p *planner) measure(ctx context.Context, text string, found *Explained) error {
	if !statement.Reads(text) {
		return nil
	}
	var volatile bool
	err := p.tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_proc WHERE proname = ANY($1) AND provolatile = 'v')`,
		statement.Functions(text)).Scan(&volatile)
	if err != nil || volatile {
		return err
	}
	if _, err := p.tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, milliseconds(measureTimeout)); err != nil {
		return err
	}
	// A clock read at every row of every step makes an execution slower, and is
	// needed only where compilation is to be timed.
	options := "FORMAT JSON, VERBOSE, ANALYZE, BUFFERS, TIMING OFF"
	if compiles(found.Plan) {
		options = "FORMAT JSON, VERBOSE, ANALYZE, BUFFERS, TIMING ON"
	}
	var plan json.RawMessage
	refused, err := attempt(ctx, p.tx, func(tx pgx.Tx) (err error) {
		plan, err = planOf(ctx, tx, options, text)
		return err
	})
	if err == nil && refused == "" {
		found.Plan, found.Executed = plan, true
	}
	return err
}
