package query

import "strings"

// appendArray writes PostgreSQL's text of an array, as {1,NULL,{"a b"}}, as
// JSON. Bounds other than from 1, as [0:2]={…}, are left out.
func (k kind) appendArray(to []byte, text string, asText bool) []byte {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	for position := 0; position < len(text); {
		switch text[position] {
		case '{':
			to = append(to, '[')
			position++
		case '}':
			to = append(to, ']')
			position++
		case ',':
			to = append(to, ',')
			position++
		default:
			var element string
			var quoted bool
			element, quoted, position = arrayElement(text, position)
			to = k.appendElement(to, element, quoted, asText)
		}
	}
	return to
}

func (k kind) appendElement(to []byte, element string, quoted, asText bool) []byte {
	if !quoted && element == "NULL" || k.element.nothing(element) {
		return append(to, "null"...)
	}
	return k.element.appendJSON(to, k.element.written([]byte(element)), asText)
}

// arrayElement returns the element that begins at the position, whether it was
// in quotes, and the position behind it.
func arrayElement(text string, position int) (string, bool, int) {
	if text[position] != '"' {
		end := strings.IndexAny(text[position:], ",}")
		if end < 0 {
			return text[position:], false, len(text)
		}
		return text[position : position+end], false, position + end
	}
	var element strings.Builder
	for position++; position < len(text) && text[position] != '"'; position++ {
		if text[position] == '\\' && position+1 < len(text) {
			position++
		}
		element.WriteByte(text[position])
	}
	return element.String(), true, position + 1
}
