package simulator

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendText writes a JSON string. Text that is not ASCII stays as it is, as
// in the network's own bodies.
func appendText(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			_, size := utf8.DecodeRuneInString(text[i:])
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		out = append(out, text[from:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	out = append(out, text[from:]...)
	return append(out, '"')
}

// appendDegrees writes up to five decimals, without zeros at the end.
func appendDegrees(out []byte, degrees float64) []byte {
	scaled := int64(math.Round(degrees * 1e5))
	if scaled < 0 {
		out = append(out, '-')
		scaled = -scaled
	}
	out = strconv.AppendInt(out, scaled/100000, 10)
	rest := scaled % 100000
	if rest == 0 {
		return append(out, '.', '0')
	}
	out = append(out, '.')
	for unit := int64(10000); rest > 0; unit /= 10 {
		out = append(out, '0'+byte(rest/unit))
		rest %= unit
	}
	return out
}

// appendTime writes a quoted time with up to seven decimals, as the network
// does: zeros at the end are left out.
func appendTime(out []byte, unixNano int64) []byte {
	out = append(out, '"')
	out = time.Unix(0, unixNano).UTC().AppendFormat(out, "2006-01-02T15:04:05.9999999Z")
	return append(out, '"')
}
