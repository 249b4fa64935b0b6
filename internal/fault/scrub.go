package fault

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// longestSample bounds a recorded message, in bytes.
const longestSample = 300

// hidden stands where something was taken out.
const hidden = "…"

// scrubber takes out of a text what must not be kept.
type scrubber []scrubRule

// clean makes an error's text fit to be kept: without credentials, addresses'
// queries, e-mail addresses, quoted values and whatever looks like a person's
// name or id, on one line and short. Identifiers of the database stay. It takes
// out rather too much than too little.
func (s scrubber) clean(text string) string {
	if len(text) > 4*longestSample { // what is cut below need not be looked at
		text = text[:4*longestSample]
	}
	text = tidy(text, 4*longestSample)
	for _, rule := range s {
		text = rule.pattern.ReplaceAllString(text, rule.with)
	}
	return tidy(text, longestSample)
}

type scrubRule struct {
	pattern *regexp.Regexp
	with    string
}

// newScrubber returns the rules in the order in which they are applied.
func newScrubber() scrubber {
	rule := func(pattern, with string) scrubRule { return scrubRule{regexp.MustCompile(pattern), with} }
	return scrubber{
		// user:password@ in any URL, even one whose password holds what a URL may not.
		rule(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s"']*@`, "${1}"+hidden+"@"),
		rule(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s?#"']*)[?#][^\s"']*`, "${1}?"+hidden),
		rule(`[\w.+-]+@[\w-]+(\.[\w-]+)+`, hidden),
		rule(`(?i)\b((?:[\w-]*(?:password|passwd|secret|token|credential|api[_-]?key|signature))["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)`, "${1}"+hidden),
		rule(`(?i)\b(authorization|bearer|basic)([:\s]+)(?:bearer\s+|basic\s+)?\S+`, "${1}${2}"+hidden),
		// What the database names stays, what it quotes of the data goes.
		rule(`\b(relation|column|constraint|table|schema|index|function|type|operator|partition) "([a-z_][a-z0-9_]*)"`, "${1} ${2}"),
		rule("\"[^\"]*\"?|`[^`]*`?|'[^']*'|“[^”]*”", hidden),
		rule(`\p{Lu}[\p{L}'’-]+(?:\s+\p{Lu}[\p{L}'’-]*)+`, hidden),
		rule(`\d{6,}`, "#"),
	}
}

// tidy makes text one line of valid UTF-8 without control characters, cut to
// so many bytes.
func tidy(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r == 0x7f, r < 0x20 && r != '\n' && r != '\t' && r != '\r':
			return -1
		case r < 0x20:
			return ' '
		}
		return r
	}, text)
	if len(text) <= most {
		return text
	}
	cut := most - len(hidden)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + hidden
}

// opOf returns the operation of the outermost classified error.
func opOf(err error) string {
	var classified *Error
	if errors.As(err, &classified) && classified.Op != "" {
		return classified.Op
	}
	return "unclassified"
}
