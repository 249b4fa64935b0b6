package alert

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/skyledger/skyledger/internal/store"
)

// What a rule may be at most. An evaluation must fit in a minute beside
// everything else, so rules are counted; the rest keeps rows and messages small.
const (
	MostRules     = 200
	mostNamed     = 50
	mostReceivers = 10
	mostLabels    = 20
	longestFor    = 24 * time.Hour
	longestName   = 100
	longestReason = 500
	longestLabel  = 100
	leastRenotify = 5 * time.Minute
)

// Severities are the severities of rules, the mildest first.
func Severities() []string { return []string{"info", "warning", "critical"} }

// Check says what is wrong with a rule, its receivers aside: fault.Invalid with
// a message that says what is possible.
func (c Catalogue) Check(ctx context.Context, r *store.AlertRule) error {
	if err := c.check(ctx, r.Figure, r.Subjects); err != nil {
		return err
	}
	beyond := map[string]bool{store.AlertAbove: r.Clear > r.Threshold, store.AlertBelow: r.Clear < r.Threshold}
	wrongSide, known := beyond[r.Direction]
	switch {
	case strings.TrimSpace(r.Name) == "" || tooLong(r.Name, longestName):
		return wrong("name", "A rule needs a name of 1 to 100 printable characters.")
	case tooLong(r.Reason, longestReason):
		return wrong("reason", "The reason may have 500 printable characters.")
	case !known:
		return wrong("direction", "The direction is above or below.")
	case !finite(r.Threshold) || !finite(r.Clear):
		return wrong("threshold", "threshold and clear are numbers.")
	case wrongSide:
		return wrong("clear", fmt.Sprintf("With direction %s, clear must not lie beyond the threshold: an alert would end while its condition holds.", r.Direction))
	case r.For < 0 || r.For > longestFor:
		return wrong("for_s", "for_s is from 0 to 86,400 seconds.")
	case r.Renotify != 0 && (r.Renotify < leastRenotify || r.Renotify > 30*longestFor):
		return wrong("renotify_s", "renotify_s is 0, for never, or from 300 seconds to 30 days.")
	case !slices.Contains(Severities(), r.Severity):
		return wrong("severity", "The severity is info, warning or critical.")
	case !slices.Contains([]string{store.AlertHold, store.AlertEnd, store.AlertNotify}, r.NoData):
		return wrong("no_data", "no_data is hold, end or notify.")
	case len(r.Receivers) > mostReceivers:
		return wrong("receivers", fmt.Sprintf("A rule may have %d receivers at most.", mostReceivers))
	}
	if err := checkLabels(r.Labels); err != nil {
		return err
	}
	return checkQuiet(r.Quiet)
}

func finite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

func tooLong(text string, most int) bool {
	return utf8.RuneCountInString(text) > most || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

var labelName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func checkLabels(labels map[string]string) error {
	if len(labels) > mostLabels {
		return wrong("labels", fmt.Sprintf("A rule may have %d labels at most.", mostLabels))
	}
	for name, value := range labels {
		if !labelName.MatchString(name) || tooLong(value, longestLabel) {
			return wrong("labels", "A label's name is of small letters, digits and _, 40 at most; its value has 100 printable characters at most.")
		}
	}
	return nil
}

func checkQuiet(q *store.QuietHours) error {
	if q == nil {
		return nil
	}
	const minutes = 24 * 60
	if q.From < 0 || q.From >= minutes || q.To < 0 || q.To >= minutes || q.From == q.To {
		return wrong("quiet_hours", "Quiet hours begin and end at two different times of the day, such as 22:00 and 06:30.")
	}
	if _, err := time.LoadLocation(q.Zone); err != nil || q.Zone == "" || q.Zone == "Local" {
		return wrong("quiet_hours", "Quiet hours need a time zone by its IANA name, such as Europe/London or UTC.")
	}
	return nil
}

// SameCondition reports whether two versions of a rule ask the same of the same:
// then what is open goes on.
func SameCondition(a, b *store.AlertRule) bool {
	return a.Figure == b.Figure && slices.Equal(a.Subjects, b.Subjects) && a.Direction == b.Direction && a.Threshold == b.Threshold &&
		a.Clear == b.Clear && a.For == b.For && a.NoData == b.NoData && a.Enabled == b.Enabled
}
