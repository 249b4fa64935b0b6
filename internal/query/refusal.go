package query

import (
	"fmt"
	"unicode/utf8"

	"github.com/skyledger/skyledger/internal/fault"
)

// Refusal is a statement that will not be run, or that PostgreSQL refused: why,
// where, and what is allowed instead.
type Refusal struct {
	Code    string // "syntax", "statement", "function", "relation", …
	Why     string // a sentence
	Allowed string // what is allowed instead; "" where there is nothing to say
	// Where in the caller's text, each from 1 and in characters; 0 when it is
	// about the whole of it.
	Line, Column, Offset int
}

func (r *Refusal) Error() string { return r.Sentence() }

// Sentence says all of it in one line.
func (r *Refusal) Sentence() string {
	text := r.Why
	if r.Line > 0 {
		text = fmt.Sprintf("Line %d, column %d: %s", r.Line, r.Column, text)
	}
	if r.Allowed != "" {
		text += " " + r.Allowed
	}
	return text
}

// fault is the refusal as an error of the class.
func (r *Refusal) fault(op string, class fault.Class) error {
	return fault.E(op, class, "query_"+r.Code, r).WithMessage(r.Sentence())
}

// at places the refusal at a byte of the text; one before the text is nowhere.
func (r *Refusal) at(text string, position int) *Refusal {
	if position < 0 || position > len(text) {
		return r
	}
	r.Line, r.Column, r.Offset = 1, 1, utf8.RuneCountInString(text[:position])+1
	for _, symbol := range text[:position] {
		r.Column++
		if symbol == '\n' {
			r.Line, r.Column = r.Line+1, 1
		}
	}
	return r
}

// atCharacter places the refusal at a character, counted from 1 as PostgreSQL
// does.
func (r *Refusal) atCharacter(text string, character int) *Refusal {
	seen := 0
	for position := range text {
		if seen++; seen == character {
			return r.at(text, position)
		}
	}
	if character == seen+1 {
		return r.at(text, len(text))
	}
	return r
}
