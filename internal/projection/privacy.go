package projection

import (
	"strings"
	"unicode"
)

// removed stands where a member's name was.
const removed = "…"

// withoutName returns a filed text without the member's name. People write
// their names into remarks; history is keyed by cid and holds none. The feed's
// name is often "First Last EGLL": every run of two or more of its words is
// looked for, and a single word only where the name has no other. A name that
// is only the cid in digits is none.
func withoutName(text, name string) string {
	words := nameWords(name)
	if len(words) == 0 || text == "" {
		return text
	}
	for length := len(words); length >= 2; length-- {
		for start := 0; start+length <= len(words); start++ {
			text = replaceFold(text, strings.Join(words[start:start+length], " "))
		}
	}
	if len(words) == 1 {
		text = replaceFold(text, words[0])
	}
	return text
}

// nameWords returns the words of a name without a trailing airport code and
// without numbers.
func nameWords(name string) []string {
	words := strings.Fields(name)
	if n := len(words); n > 1 && isAirportCode(words[n-1]) {
		words = words[:n-1]
	}
	kept := words[:0]
	for _, word := range words {
		if strings.ContainsFunc(word, unicode.IsLetter) {
			kept = append(kept, word)
		}
	}
	// One short word alone ("Al") would tear holes into any route.
	if len(kept) == 1 && len(kept[0]) < 4 {
		return nil
	}
	return kept
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

// replaceFold replaces every occurrence of old in text, whatever the case, where
// it stands as words of its own.
func replaceFold(text, old string) string {
	lowerText, lowerOld := strings.ToLower(text), strings.ToLower(old)
	if len(lowerText) != len(text) || len(lowerOld) == 0 {
		// Lowering changed lengths (rare scripts): only the exact spelling is safe to cut.
		return strings.ReplaceAll(text, old, removed)
	}
	var out strings.Builder
	for from := 0; ; {
		index := strings.Index(lowerText[from:], lowerOld)
		if index < 0 {
			out.WriteString(text[from:])
			return out.String()
		}
		start, end := from+index, from+index+len(lowerOld)
		if wordEdge(text, start) && wordEdge(text, end) {
			out.WriteString(text[from:start])
			out.WriteString(removed)
		} else {
			out.WriteString(text[from:end])
		}
		from = end
	}
}

// wordEdge says whether no word runs across the byte offset.
func wordEdge(text string, at int) bool {
	if at == 0 || at == len(text) {
		return true
	}
	return !isWordByte(text[at-1]) || !isWordByte(text[at])
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= 0x80
}
