package statement

import "strings"

// kind is what a token is.
type kind int

const (
	word      kind = iota // keyword, identifier or quoted identifier
	literal               // string or number
	parameter             // $1
	symbol                // everything else, a character or an operator each
)

// token is a piece of a statement. Space and comments are between tokens.
type token struct {
	kind  kind
	text  string
	space bool // whether there was space before it
}

// tokens takes a statement apart. What is not closed ends with the statement:
// nothing of a literal is ever taken for something else.
func tokens(sql string) []token {
	var found []token
	space := false
	for i := 0; i < len(sql); {
		end, k := next(sql, i)
		if k < 0 {
			space, i = true, end
			continue
		}
		found = append(found, token{kind: k, text: sql[i:end], space: space && len(found) > 0})
		space, i = false, end
	}
	return found
}

// next returns where the token at i ends and what it is; a kind below 0 is
// space or a comment.
func next(sql string, i int) (int, kind) {
	rest := sql[i:]
	c := rest[0]
	switch {
	case isSpace(c):
		return i + 1, -1
	case strings.HasPrefix(rest, "--"):
		return i + until(rest, 2, "\n"), -1
	case strings.HasPrefix(rest, "/*"):
		return i + comment(rest), -1
	case c == '\'':
		return i + quoted(rest, 0, false), literal
	case c == '"':
		return i + quotedName(rest), word
	case c == '$':
		return dollar(sql, i)
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return i + number(rest), literal
	case isLetter(c):
		return wordOrString(sql, i)
	default:
		return i + operator(rest), symbol
	}
}

// wordOrString tells E'…', B'…', X'…', N'…' and U&'…' from words.
func wordOrString(sql string, i int) (int, kind) {
	rest := sql[i:]
	if len(rest) > 1 && rest[1] == '\'' && strings.IndexByte("eEbBxXnN", rest[0]) >= 0 {
		return i + quoted(rest, 1, rest[0] == 'e' || rest[0] == 'E'), literal
	}
	if len(rest) > 2 && (rest[0] == 'u' || rest[0] == 'U') && rest[1] == '&' {
		switch rest[2] {
		case '\'':
			return i + quoted(rest, 2, false), literal
		case '"':
			return i + 2 + quotedName(rest[2:]), word
		}
	}
	end := 1
	for end < len(rest) && (isLetter(rest[end]) || isDigit(rest[end]) || rest[end] == '$') {
		end++
	}
	return i + end, word
}

// quoted returns the length of the string whose quote is at open. A quote
// doubled goes on; so does one behind a backslash where escapes count.
func quoted(text string, open int, escapes bool) int {
	for i := open + 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == '\'':
			return i + 1
		}
	}
	return len(text)
}

func quotedName(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return i + 1
	}
	return len(text)
}

// dollar reads $1 and $tag$…$tag$.
func dollar(sql string, i int) (int, kind) {
	rest := sql[i:]
	end := 1
	for end < len(rest) && isDigit(rest[end]) {
		end++
	}
	if end > 1 {
		return i + end, parameter
	}
	for end < len(rest) && (isLetter(rest[end]) || isDigit(rest[end])) {
		end++
	}
	if end < len(rest) && rest[end] == '$' {
		tag := rest[:end+1]
		return i + until(rest, len(tag), tag), literal
	}
	return i + 1, symbol
}

// until returns the length up to and with the mark, looked for from start.
func until(text string, start int, mark string) int {
	if at := strings.Index(text[start:], mark); at >= 0 {
		return start + at + len(mark)
	}
	return len(text)
}

// comment returns the length of a comment in which others may be nested.
func comment(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// number reads 12, 1.5, .5, 1e-3, 0xff and 1_000. What hangs on it is part of
// it, so that no half of it is left.
func number(text string) int {
	end := 0
	for end < len(text) {
		c := text[end]
		sign := (c == '+' || c == '-') && end > 0 && (text[end-1] == 'e' || text[end-1] == 'E') && !strings.HasPrefix(text, "0x")
		if !isDigit(c) && !isLetter(c) && c != '.' && !sign {
			break
		}
		if strings.HasPrefix(text[end:], "..") { // a slice of an array
			break
		}
		end++
	}
	return end
}

// operator reads those of two and three characters that matter to people who
// read a statement; others come out a character at a time.
func operator(text string) int {
	for _, known := range []string{"->>", "#>>", "!~~*", "::", "<=", ">=", "<>", "!=", "||", "->", "@>", "<@", "&&", "~~", "~*", "!~", ":="} {
		if strings.HasPrefix(text, known) {
			return len(known)
		}
	}
	return 1
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
