package app

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/api"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/query"
	"github.com/skyledger/skyledger/internal/store"
)

// APIDatabase builds the function that runs people's SQL and tells of the
// database. The runtime must have a grammar.
func APIDatabase(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
	sandbox, err := runtime.Sandbox(ctx)
	if err != nil {
		return nil, err
	}
	return answering(ctx, runtime, "api-database", func(deps *api.Deps) { deps.SQL = sandbox })
}

// WithGrammar gives a function the grammar of SQL and has it made ready beside
// everything else: that takes seconds, which the first statement waits for, and
// nobody who asks only what SQL may read.
func WithGrammar(parser query.Parser, warm func() error, build Build) Build {
	return func(ctx context.Context, runtime *Runtime) (lambda.Handler, error) {
		runtime.Grammar = parser
		go func() {
			if err := warm(); err != nil {
				runtime.Logger.Error("the grammar of SQL is not ready", zap.Error(err))
			}
		}()
		return build(ctx, runtime)
	}
}

// Sandbox returns what runs people's SQL. It does not connect.
func (r *Runtime) Sandbox(ctx context.Context) (*query.Sandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sandbox != nil {
		return r.sandbox, nil
	}
	if r.Grammar == nil {
		return nil, fault.E("app.Sandbox", fault.Internal, "no_grammar", nil)
	}
	settings := r.Config
	password, err := passwordOf(ctx, settings.QueryDatabaseSecret)
	if err != nil {
		return nil, err
	}
	r.sandbox, err = query.Open(query.Options{
		URL: settings.QueryDatabaseURL, Password: password, Parser: r.Grammar, Running: settings.QueryConcurrency,
		Limits: query.Limits{
			Cost: settings.QueryMaxCost, Rows: settings.QueryMaxRows, Bytes: settings.QueryMaxBytes, Time: settings.QueryTimeout,
		},
		Logger: r.Logger,
	})
	return r.sandbox, err
}

// letQueryRoleIn gives the query role its password. A database where that is
// not for us to do is migrated all the same: SQL for people then says so.
func (r *Runtime) letQueryRoleIn(ctx context.Context, adminURL string) error {
	if r.Config.QueryDatabaseURL == "" {
		return nil
	}
	address, err := withPassword(ctx, r.Config.QueryDatabaseURL, r.Config.QueryDatabaseSecret)
	if err != nil {
		return err
	}
	err = store.LetQueryRoleIn(ctx, adminURL, address)
	if fault.ReasonOf(err) == "query_role" {
		r.Logger.Warn("people's SQL has no role", zap.Error(err))
		return nil
	}
	return err
}
