package vatsim

import (
	"bytes"
	"iter"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// texts turns raw JSON strings into text, with memory that it uses again.
type texts struct {
	scratch  []byte
	interned map[string]string
}

func newTexts() texts { return texts{interned: make(map[string]string, 16)} }

// unquoted returns the text of a JSON string. NUL is dropped, invalid UTF-8 and
// lone surrogates become U+FFFD. The result is valid until the next call.
func (t *texts) unquoted(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if isPlain(inner) {
		return inner
	}
	// The error says only that something was replaced: raw has been parsed.
	t.scratch, _ = jsontext.AppendUnquote(t.scratch[:0], raw)
	text := t.scratch
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.Map(func(r rune) rune {
			if r == 0 {
				return -1
			}
			return r
		}, text)
	}
	if cap(t.scratch) > 1<<16 { // one poisoned text must not keep its size
		t.scratch = nil
	}
	return text
}

// isPlain reports whether a string's raw bytes are its text.
func isPlain(inner []byte) bool {
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// intern returns the same string for equal texts, up to a bound.
func (t *texts) intern(text []byte) string {
	if known, ok := t.interned[string(text)]; ok {
		return known
	}
	fresh := string(text)
	if len(t.interned) < 64 {
		t.interned[fresh] = fresh
	}
	return fresh
}

// cutText cuts text to at most limit bytes, between two characters.
func cutText(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// elements walks over the elements of an array that has been parsed before.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := 1; ; {
			for raw[at] == ',' || isSpace(raw[at]) {
				at++
			}
			if raw[at] == ']' {
				return
			}
			end := valueEnd(raw, at)
			if !yield(raw[at:end]) {
				return
			}
			at = end
		}
	}
}

// members walks over the names and values of an object that has been parsed
// before. Names keep their quotes.
func members(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for at := 1; ; {
			for raw[at] == ',' || isSpace(raw[at]) {
				at++
			}
			if raw[at] == '}' {
				return
			}
			nameEnd := valueEnd(raw, at)
			value := nameEnd
			for raw[value] == ':' || isSpace(raw[value]) {
				value++
			}
			end := valueEnd(raw, value)
			if !yield(raw[at:nameEnd], raw[value:end]) {
				return
			}
			at = end
		}
	}
}

// valueEnd returns where the value that starts at raw[at] ends. The JSON has
// been parsed before, so only strings and nesting matter.
func valueEnd(raw []byte, at int) int {
	switch raw[at] {
	case '"':
		for at++; raw[at] != '"'; at++ {
			if raw[at] == '\\' {
				at++
			}
		}
		return at + 1
	case '{', '[':
		depth := 1
		for at++; depth > 0; {
			switch raw[at] {
			case '"':
				at = valueEnd(raw, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			at++
		}
		return at
	default:
		for at < len(raw) && raw[at] != ',' && raw[at] != ']' && raw[at] != '}' && !isSpace(raw[at]) {
			at++
		}
		return at
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
