package verify

import (
	"strings"
	"unicode"
)

// names are the full names of the members seen in the log: two words or more.
// A name of one word cannot be told from any other word of a text.
type names struct {
	last map[int32]string   // as the feed had it last
	own  map[int32][]string // words in lower case, joined by one space; by cid
	all  map[string]bool
	most int // words in the longest
}

func newNames() *names {
	return &names{last: map[int32]string{}, own: map[int32][]string{}, all: map[string]bool{}}
}

func (n *names) add(s *snapshot) {
	for _, rows := range s.rows {
		for _, row := range rows {
			name, ok := text(row.member.Name)
			if !ok || n.last[row.cid] == name {
				continue
			}
			n.last[row.cid] = name
			words := fullName(name)
			if len(words) < 2 {
				continue
			}
			full := strings.Join(words, " ")
			n.own[row.cid] = append(n.own[row.cid], full)
			n.all[full] = true
			n.most = max(n.most, len(words))
		}
	}
}

// fullName returns the words of a name in lower case: without the home airport
// that many put behind it, and without numbers. Fewer than two are no full name.
func fullName(name string) []string {
	fields := strings.Fields(name)
	if n := len(fields); n > 0 && isAirport(fields[n-1]) {
		fields = fields[:n-1]
	}
	var words []string
	withLetters := 0
	for _, field := range fields {
		if !strings.ContainsFunc(field, unicode.IsLetter) {
			continue
		}
		withLetters++
		for _, word := range splitWords(field) {
			words = append(words, strings.ToLower(word))
		}
	}
	if withLetters < 2 {
		return nil
	}
	return words
}

func isAirport(word string) bool {
	return len(word) == 4 && !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsUpper(r) && !unicode.IsDigit(r) })
}

func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// find returns the full names that a text holds, whatever stands between their
// words.
func (n *names) find(text string) []string {
	words := splitWords(strings.ToLower(text))
	var found []string
	for start := range words {
		for length := 2; length <= min(n.most, len(words)-start); length++ {
			if candidate := strings.Join(words[start:start+length], " "); n.all[candidate] {
				found = append(found, candidate)
			}
		}
	}
	return found
}
