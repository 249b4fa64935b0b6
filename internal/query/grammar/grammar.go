package grammar

import (
	"errors"
	"fmt"
	"sync"

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

// one is held while the parser works: the library makes another one, of 260 MB
// as well, for each that is wanted at the same time. It is the only state here,
// and the library's own is no less global.
var one sync.Mutex

// Parse returns the statements of the text as libpg_query's JSON. It may be
// called from several goroutines at once.
func Parse(text string) (tree string, err error) {
	one.Lock()
	defer one.Unlock()
	// The library panics where the parser ran out of its own stack.
	// internal/query weighs statements, so that it does not come to that.
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
