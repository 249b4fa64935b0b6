package verify

import (
	"fmt"
	"io"
	"strings"
)

// Status says how a check ended.
type Status string

// The ways in which a check ends.
const (
	OK         Status = "ok"
	Failed     Status = "FAILED"
	NotChecked Status = "not checked" // its summary says why
)

// Report is the result of a run: one line per check, in a fixed order.
type Report struct {
	Lines []Line
}

// Line is the result of one check.
type Line struct {
	Name       string // "I1" … "I7", "R1" (plans, frequencies and ATIS in force), "P1" (no names)
	Status     Status
	Summary    string   // what was counted
	Violations int      // how many were found
	Details    []string // the first few of them
}

// OK reports whether no check failed.
func (r Report) OK() bool {
	for _, line := range r.Lines {
		if line.Status == Failed {
			return false
		}
	}
	return true
}

// Line returns the line of that name; the zero Line when there is none.
func (r Report) Line(name string) Line {
	for _, line := range r.Lines {
		if line.Name == name {
			return line
		}
	}
	return Line{}
}

// Failed returns the names of the checks that failed.
func (r Report) Failed() []string {
	var names []string
	for _, line := range r.Lines {
		if line.Status == Failed {
			names = append(names, line.Name)
		}
	}
	return names
}

// Print writes one aligned line per check, and below a failed one its first
// violations.
func (r Report) Print(w io.Writer) error {
	var text strings.Builder
	for _, line := range r.Lines {
		fmt.Fprintf(&text, "%-3s %-11s  %s\n", line.Name, line.Status, line.Summary)
		for _, detail := range line.Details {
			fmt.Fprintf(&text, "%17s%s\n", "", detail)
		}
		if more := line.Violations - len(line.Details); len(line.Details) > 0 && more > 0 {
			fmt.Fprintf(&text, "%17sand %d more\n", "", more)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// shownViolations is how many violations of a check are described.
const shownViolations = 5

// check collects what one check finds.
type check struct {
	name       string
	violations int
	details    []string
}

func (c *check) violated(format string, arguments ...any) {
	c.violations++
	if len(c.details) < shownViolations {
		c.details = append(c.details, fmt.Sprintf(format, arguments...))
	}
}

func (c *check) line(format string, arguments ...any) Line {
	line := Line{
		Name: c.name, Status: OK, Summary: fmt.Sprintf(format, arguments...),
		Violations: c.violations, Details: c.details,
	}
	if c.violations > 0 {
		line.Status = Failed
	}
	return line
}

func notChecked(name, why string) Line {
	return Line{Name: name, Status: NotChecked, Summary: why}
}
