package query

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// MaxStatement is the longest statement, in bytes: what a request's body may
// hold.
const MaxStatement = 64 << 10

// object is a node's fields, or a node under its name.
type object = map[string]any

// Parser returns the statements of a text as libpg_query's JSON;
// internal/query/grammar has the one there is. An error that says where has a
// method Character, counted from 1.
type Parser func(text string) (string, error)

// parse returns the one statement of the text as PostgreSQL's grammar sees it:
// a node under its name. What this returns as an error is a *Refusal.
func (p Parser) parse(text string) (object, error) {
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
	case weight(text) > heaviest:
		return nil, &Refusal{Code: "too_deep", Why: "The statement is nested too deeply, or has too many operators, joins or SELECTs in a row.",
			Allowed: "Long lists belong in IN (…) or = ANY (ARRAY[…])."}
	}
	tree, err := p.tree(text)
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
		if before := parsed.Stmts[0].Start; before > 0 {
			// Behind DECLARE and EXPLAIN, PostgreSQL would not take it.
			return nil, (&Refusal{Code: "statements", Why: "There is an empty statement before this one.", Allowed: "One at a time is allowed."}).at(text, before-1)
		}
		return parsed.Stmts[0].Stmt, nil
	default:
		second := parsed.Stmts[1].Start
		second += len(text[second:]) - len(strings.TrimLeft(text[second:], " \t\r\n\f\v"))
		return nil, (&Refusal{Code: "statements", Why: fmt.Sprintf("There are %d statements.", len(parsed.Stmts)), Allowed: "One at a time is allowed."}).at(text, second)
	}
}

func (p Parser) tree(text string) (string, error) {
	tree, err := p(text)
	if err == nil {
		return tree, nil
	}
	refusal := &Refusal{Code: "syntax", Why: sentence(err.Error())}
	var spot interface{ Character() int }
	if errors.As(err, &spot) {
		refusal = refusal.atCharacter(text, spot.Character())
	}
	return "", refusal
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
