package projection

import (
	"strings"
	"unicode"
)

// removed stands where a member's name was.
const removed = "…"

// leastAlone is how many letters a name of one word must have to be looked for:
// a shorter one ("Al") would tear holes into any route.
const leastAlone = 4

// withoutName returns a text without the member's name. People write their
// names into remarks and ATIS texts; history is keyed by cid and holds none.
// The feed's name is often "First Last EGLL": every run of two or more of its
// words is looked for, whatever the case and whatever stands between them, and
// a single word only where the name has no other. A name that is only the cid
// in digits is none.
func withoutName(text, name string) string {
	wanted := nameWords(name)
	if len(wanted) == 0 || text == "" {
		return text
	}
	words := wordsOf(text)
	var out strings.Builder
	kept := 0
	for i := 0; i < len(words); {
		length := longestRun(words[i:], wanted)
		if length == 0 {
			i++
			continue
		}
		out.WriteString(text[kept:words[i].start])
		out.WriteString(removed)
		kept = words[i+length-1].end
		i += length
	}
	if kept == 0 {
		return text
	}
	out.WriteString(text[kept:])
	return out.String()
}

// longestRun returns how many words from the first on are a run of the name's
// words that counts as the name; 0 when none is.
func longestRun(words []word, wanted []string) int {
	least := min(2, len(wanted))
	longest := 0
	for start := range wanted {
		length := 0
		for length < len(words) && start+length < len(wanted) && words[length].lower == wanted[start+length] {
			length++
		}
		longest = max(longest, length)
	}
	if longest < least {
		return 0
	}
	return longest
}

// word is a run of letters and digits in a text, by its place in bytes.
type word struct {
	start, end int
	lower      string
}

func wordsOf(text string) []word {
	var words []word
	start := -1
	for at, letter := range text {
		if isWordRune(letter) {
			if start < 0 {
				start = at
			}
			continue
		}
		if start >= 0 {
			words = append(words, word{start, at, strings.ToLower(text[start:at])})
			start = -1
		}
	}
	if start >= 0 {
		words = append(words, word{start, len(text), strings.ToLower(text[start:])})
	}
	return words
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// nameWords returns the words of a name in lower case, without a trailing
// airport code and without numbers.
func nameWords(name string) []string {
	fields := strings.Fields(name)
	if n := len(fields); n > 1 && isAirportCode(fields[n-1]) {
		fields = fields[:n-1]
	}
	var words []string
	for _, field := range fields {
		if !strings.ContainsFunc(field, unicode.IsLetter) {
			continue
		}
		for _, part := range wordsOf(field) {
			words = append(words, part.lower)
		}
	}
	if len(words) == 1 && len(words[0]) < leastAlone {
		return nil
	}
	return words
}

func isAirportCode(word string) bool {
	if len(word) != 4 {
		return false
	}
	for _, letter := range word {
		if !unicode.IsUpper(letter) && !unicode.IsDigit(letter) {
			return false
		}
	}
	return true
}
