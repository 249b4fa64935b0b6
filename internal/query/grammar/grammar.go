package grammar

import (
	"errors"
	"fmt"

	"github.com/wasilibs/go-pgquery/parser"
)

// Error is what the grammar says of a text that is none of SQL.
type Error struct {
	Message   string
	character int
}

func (e *Error) Error() string { return e.Message }

// Character is where, counted from 1; 0 when it does not say.
func (e *Error) Character() int { return e.character }

// ErrTooLarge is a statement that the parser has no memory or stack for.

var ErrTooLarge = errors.New("the statement is too large or nested too deeply for the parser")

// Parse returns the statements of the text as libpg_query's JSON. It may be
// called from several goroutines at once.
func Parse(text string) (tree string, err error) {
	// The library panics where the parser ran out of its own memory; that is
	// the statement's doing, and the next one gets a parser of its own.
	defer func() {
		if cause := recover(); cause != nil {
			tree, err = "", fmt.Errorf("%w: %v", ErrTooLarge, cause)
		}
	}()
	tree, err = parser.ParseToJSON(text)
	var wrong *parser.Error
	if errors.As(err, &wrong) {
		return "", &Error{Message: wrong.Message, character: wrong.Cursorpos}
	}
	return tree, err
}

// Warm makes the parser ready.
func Warm() error {
	_, err := Parse("SELECT 1")
	return err
}
