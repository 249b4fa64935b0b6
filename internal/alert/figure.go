package alert

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Network is the subject of figures that are of the whole.
const Network = "network"

// Description says what a figure is.
type Description struct {
	Name     string
	Unit     string
	What     string
	Subjects string // what its subjects are, in words
	// Every says that the figure knows its subjects by itself, so that a rule may
	// name them by patterns.
	Every bool
	// MaxAge is how old a value may be and still be one; 0: as old as it likes.
	MaxAge time.Duration
}

// Figure is one served figure that rules can be about.
type Figure interface {
	Describe() Description
	// Check says that there is no such subject: fault.Invalid, with a message
	// that says what there is.
	Check(ctx context.Context, subject string) error
	// Observe measures it for the subjects and, where patterns are among them,
	// for all that match. Its error says that nothing is known of any.
	Observe(ctx context.Context, now time.Time, subjects []string) (Observation, error)
}

// Observation is a figure at a moment.
type Observation struct {
	AsOf     time.Time
	Readings []Reading
	// Rest is the value of every subject without a reading; nil: it is not known.
	Rest *float64
}

// Reading is a figure of one subject.
type Reading struct {
	Subject string
	Value   *float64 // nil: not known
	Detail  string   // what else there is to say, for people
}

// Value makes a reading of a number.
func Value(subject string, value float64, detail string) Reading {
	return Reading{Subject: subject, Value: &value, Detail: detail}
}

// Catalogue is the figures that rules can be about.
type Catalogue []Figure

// Descriptions returns what there is, by name.
func (c Catalogue) Descriptions() []Description {
	descriptions := make([]Description, 0, len(c))
	for _, figure := range c {
		descriptions = append(descriptions, figure.Describe())
	}
	slices.SortFunc(descriptions, func(a, b Description) int { return cmp.Compare(a.Name, b.Name) })
	return descriptions
}

// Find returns the figure of that name.
func (c Catalogue) Find(name string) (Figure, bool) {
	for _, figure := range c {
		if figure.Describe().Name == name {
			return figure, true
		}
	}
	return nil, false
}

func (c Catalogue) names() string {
	var names []string
	for _, description := range c.Descriptions() {
		names = append(names, description.Name)
	}
	return strings.Join(names, ", ")
}

// check says what is wrong with a rule's figure and subjects.
func (c Catalogue) check(ctx context.Context, name string, subjects []string) error {
	figure, known := c.Find(name)
	if !known {
		return wrong("figure", fmt.Sprintf("There is no figure %q; there are %s.", cut(name), c.names()))
	}
	description := figure.Describe()
	switch {
	case len(subjects) == 0:
		return wrong("subjects", fmt.Sprintf("Name the subjects of %s: %s.", description.Name, description.Subjects))
	case len(subjects) > mostNamed:
		return wrong("subjects", fmt.Sprintf("A rule may name %d subjects at most; a pattern such as EG* stands for many.", mostNamed))
	}
	for _, subject := range subjects {
		if !isPattern(subject) {
			if err := figure.Check(ctx, subject); err != nil {
				return err
			}
			continue
		}
		if _, err := path.Match(subject, ""); err != nil || strings.ContainsAny(subject, `/[]?\`) {
			return wrong("subjects", fmt.Sprintf("%q is not a pattern: only * stands for other characters.", cut(subject)))
		}
		if !description.Every {
			return wrong("subjects", fmt.Sprintf("%s takes no patterns; its subjects are %s.", description.Name, description.Subjects))
		}
	}
	return nil
}

// Wrong is an error about what people asked for; message says what there is.
func wrong(reason, message string) error {
	return fault.E("alert.Check", fault.Invalid, reason, nil).WithMessage(message)
}

// Unknown is the error of a figure's Check about a subject that it does not have.
func Unknown(figure, subject, thereIs string) error {
	return wrong("subjects", fmt.Sprintf("%s has no subject %q: %s.", figure, cut(subject), thereIs))
}

func cut(word string) string {
	const longest = 60
	if len(word) > longest {
		word = word[:longest] + "…"
	}
	return strings.ToValidUTF8(word, "?")
}

func isPattern(subject string) bool { return strings.Contains(subject, "*") }

// Wanted reports whether one of a rule's subjects is, or matches, this one.
func Wanted(subjects []string, subject string) bool {
	return slices.ContainsFunc(subjects, func(wanted string) bool {
		if !isPattern(wanted) {
			return wanted == subject
		}
		matched, err := path.Match(wanted, strings.ReplaceAll(subject, "/", "_"))
		return err == nil && matched
	})
}
