package vatsim

import (
	"cmp"
	"slices"
)

// tally counts what a body had that was refused or odd. A body decides the
// names of some counts, so their number and length are bounded.
type tally struct {
	rejected map[RejectCount]int // Count is 0 in the keys
	drifted  map[string]*int
	scratch  []byte
}

const (
	maxDriftNames  = 100 // a body with more odd things than that has one problem, not a hundred
	maxDriftLength = 40  // bytes of a name that the body chose
)

func newTally() tally {
	return tally{rejected: make(map[RejectCount]int), drifted: make(map[string]*int)}
}

func (t *tally) reject(kind Kind, reason string) {
	t.rejected[RejectCount{Kind: kind, Reason: reason}]++
}

// rejects returns the counts in the order of kind and reason; nil when none.
func (t *tally) rejects() []RejectCount {
	var all []RejectCount
	for key, count := range t.rejected {
		key.Count = count
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b RejectCount) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

func (t *tally) drift(name string) {
	t.scratch = append(t.scratch[:0], name...)
	t.count()
}

// driftName counts under prefix and a name from the body, of which only letters,
// digits and underscores are kept.
func (t *tally) driftName(prefix string, name []byte) {
	t.scratch = append(t.scratch[:0], prefix...)
	for _, c := range name[:min(len(name), maxDriftLength)] {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		default:
			c = '_'
		}
		t.scratch = append(t.scratch, c)
	}
	t.count()
}

// count counts the name in scratch. A new field comes with every row of a body,
// so a name that is known must cost no allocation.
func (t *tally) count() {
	if known, ok := t.drifted[string(t.scratch)]; ok {
		*known++
		return
	}
	name := string(t.scratch)
	if len(t.drifted) >= maxDriftNames {
		name = "more"
		if known, ok := t.drifted[name]; ok {
			*known++
			return
		}
	}
	one := 1
	t.drifted[name] = &one
}

func (t *tally) driftCounts() map[string]int {
	counts := make(map[string]int, len(t.drifted))
	for name, count := range t.drifted {
		counts[name] = *count
	}
	return counts
}
