package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/query"
	"github.com/skyledger/skyledger/internal/query/grammar"
	"github.com/skyledger/skyledger/internal/store"
)

// refusedReason is of a statement that was refused: its message says it all.
const refusedReason = "statement_refused"

// statementFormats are what the rows may be printed as.
func statementFormats() []string { return []string{"table", "csv", "json", "ndjson"} }

const statementDetails = `Runs one statement of SQL over the views, within the walls and limits of the API.

  query "select ..." [--format table|csv|json|ndjson]   print its rows, as an aligned table unless told otherwise
  query < FILE                                          the same, from the input

/api/database/schema says what there is to read, and so does psql's \d+ skyledger.*
Limits are settings (QUERY_TIMEOUT, QUERY_MAX_ROWS and so on); rows go to the output and
remarks to the other one. --source, --data and DATABASE_URL choose the database; a recorder
may be running on it or not.
`

// runStatement runs one statement of SQL within the same walls and limits as
// the API, and prints its rows.
func runStatement(ctx context.Context, s session) error {
	text, err := statementOf(s)
	if err != nil {
		return err
	}
	notes := s
	notes.out = s.complaints // rows alone go to the output
	return onParts(ctx, notes, true, func(ctx context.Context, environ []string) (err error) {
		settings, err := config.Load(environ)
		if err != nil {
			return err
		}
		runtime := &app.Runtime{Config: settings, Logger: startLogger(s.complaints), Clock: time.Now, Grammar: grammar.Parse}
		defer func() { err = errors.Join(err, runtime.Close()) }()
		if _, err := migrated(ctx, runtime); err != nil {
			return err
		}
		sandbox, err := runtime.Sandbox(ctx)
		if err != nil {
			return err
		}
		answer, err := sandbox.Run(ctx, text)
		var refusal *query.Refusal
		if errors.As(err, &refusal) {
			return fault.E("local.runStatement", fault.Invalid, refusedReason, nil).WithMessage(pointed(text, refusal))
		}
		if err != nil {
			return err
		}
		return writeAnswer(s, answer)
	})
}

// statementOf is what stands behind the command, else what comes in.
func statementOf(s session) (string, error) {
	switch given := s.options.arguments; len(given) {
	case 0:
	case 1:
		return given[0], nil
	default:
		return "", fault.E("local.statementOf", fault.Invalid, refusedReason, nil).
			WithMessage("Put the statement in quotes, so that it is one argument.")
	}
	text, err := io.ReadAll(io.LimitReader(s.in, query.MaxStatement+1))
	if err != nil {
		return "", fault.E("local.statementOf", fault.Invalid, "input", err)
	}
	return string(text), nil
}

func writeAnswer(s session, answer *query.Answer) error {
	var err error
	switch s.options.format {
	case "json":
		_, err = s.out.Write(append(answer.AppendRows(nil), '\n'))
	case "ndjson":
		err = answer.WriteNDJSON(s.out)
	case "csv":
		err = answer.WriteCSV(s.out)
	default:
		return answer.WriteTable(s.out)
	}
	if answer.Truncated {
		fmt.Fprintf(s.complaints, "cut by the limit on %s after %s rows: there are more\n", answer.Cut, grouped(int64(answer.Len())))
	}
	return err
}

// pointed is the refusal with the line it is about and a mark below the place.
func pointed(text string, refusal *query.Refusal) string {
	lines := strings.Split(text, "\n")
	if refusal.Line == 0 || refusal.Line > len(lines) {
		return refusal.Sentence()
	}
	line := strings.ReplaceAll(lines[refusal.Line-1], "\t", " ")
	return refusal.Sentence() + "\n\n  " + line + "\n  " + strings.Repeat(" ", refusal.Column-1) + "^"
}

// queryAddress is the database as the role for people's SQL sees it: what is
// given, else made of the database's own address.
func queryAddress(s session, database string) (string, error) {
	if given := lookup(s.environ, "QUERY_DATABASE_URL"); given != "" {
		return given, nil
	}
	password, err := queryPassword(s.options.data, database)
	if err != nil {
		return "", err
	}
	return store.QueryURL(database, password)
}

// queryPassword follows from the owner's, so that every run on a server finds
// the same one and none has to be kept. An owner without a password gets one
// that is kept in the data directory.
func queryPassword(data, database string) (string, error) {
	address, err := url.Parse(database)
	if err != nil {
		return "", fault.E("local.queryPassword", fault.Invalid, "settings", nil).WithMessage("DATABASE_URL is not a URL.")
	}
	owners, has := address.User.Password()
	if !has || owners == "" {
		return keptPassword(filepath.Join(data, "query-password"))
	}
	mac := hmac.New(sha256.New, []byte(owners))
	mac.Write([]byte("skyledger: people's SQL"))
	return hex.EncodeToString(mac.Sum(nil)), nil
}

func keptPassword(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err == nil && len(content) > 0 {
		return strings.TrimSpace(string(content)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	password := rand.Text()
	return password, os.WriteFile(path, []byte(password+"\n"), 0o600)
}
