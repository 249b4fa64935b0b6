package query

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/wasilibs/go-pgquery/parser"
)

// MaxStatement is the longest statement, in bytes: what a request's body may
// hold.
const MaxStatement = 64 << 10

// object is a node's fields, or a node under its name.
type object = map[string]any

// Warm makes the parser ready, which takes a second or two and about 260 MB
// that stay: the function calls it before its first request.
func Warm() error {
	_, err := parser.ParseToJSON("SELECT 1")
	return err
}

// parse returns the one statement of the text as PostgreSQL's grammar sees it:
// a node under its name. What this returns as an error is a *Refusal.
func parse(text string) (object, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, &Refusal{Code: "empty", Why: "There is no statement.", Allowed: allowedStatements}
	case len(text) > MaxStatement:
		return nil, &Refusal{Code: "too_long", Why: fmt.Sprintf("The statement has %d bytes.", len(text)), Allowed: fmt.Sprintf("%d are allowed.", MaxStatement)}
	case !utf8.ValidString(text):
		return nil, &Refusal{Code: "encoding", Why: "The statement is not UTF-8."}
	case strings.IndexByte(text, 0) >= 0:
		// The grammar would stop reading here, and PostgreSQL would not.
		return nil, (&Refusal{Code: "encoding", Why: "The statement has a NUL character."}).at(text, strings.IndexByte(text, 0))
	}
	tree, err := grammar(text)
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Stmts []struct {
			Stmt  object `json:"stmt"`
			Start int    `json:"stmt_location"`
			Len   int    `json:"stmt_len"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return nil, &Refusal{Code: "too_deep", Why: "The statement is nested too deeply."}
	}
	switch len(parsed.Stmts) {
	case 0:
		return nil, &Refusal{Code: "empty", Why: "There is no statement.", Allowed: allowedStatements}
	case 1:
		return parsed.Stmts[0].Stmt, nil
	default:
		second := parsed.Stmts[1].Start
		second += len(text[second:]) - len(strings.TrimLeft(text[second:], " \t\r\n\f\v"))
		return nil, (&Refusal{Code: "statements", Why: fmt.Sprintf("There are %d statements.", len(parsed.Stmts)), Allowed: "One at a time is allowed."}).at(text, second)
	}
}

// grammar returns the parse tree as JSON. The library panics where the parser
// ran out of its own memory; that is the statement's doing.
func grammar(text string) (tree string, err error) {
	defer func() {
		if recover() != nil {
			err = &Refusal{Code: "too_deep", Why: "The statement is too large or nested too deeply for the parser."}
		}
	}()
	tree, err = parser.ParseToJSON(text)
	var wrong *parser.Error
	switch {
	case errors.As(err, &wrong):
		return "", (&Refusal{Code: "syntax", Why: sentence(wrong.Message)}).atCharacter(text, wrong.Cursorpos)
	case err != nil:
		return "", &Refusal{Code: "syntax", Why: sentence(err.Error())}
	}
	return tree, nil
}

// sentence makes one of what PostgreSQL says.
func sentence(text string) string {
	if text == "" {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	text = strings.ToUpper(string(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
