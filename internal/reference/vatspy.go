package reference

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// Attribution is what VAT-Spy's licence asks to be said beside its data.
const Attribution = "FIRs and their boundaries: VAT-Spy Client Data Update Project (https://github.com/vatsimnetwork/vatspy-data-project), CC BY-SA 4.0"

// ParseVATSpy reads VATSpy.dat. Lines that make no sense are left out and
// counted in the content's Skipped by section and reason; only a file that is no
// VATSpy.dat is an error (fault.Upstream).
//
// Sections that nothing here needs, [Countries] and [IDL], are passed over.
func ParseVATSpy(file []byte) (store.VATSpy, error) {
	const op = "reference.ParseVATSpy"
	content := store.VATSpy{Skipped: map[string]int{}}
	seen := map[string]bool{}
	section := ""
	for line := range bytes.Lines(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))) {
		text, ok := lineOf(line)
		switch {
		case !ok:
			content.Skipped[strings.ToLower(section)+".text"]++
		case text == "":
		case text[0] == '[' && strings.HasSuffix(text, "]"):
			section = text[1 : len(text)-1]
			seen[section] = true
			if !slices.Contains(sections(), section) {
				content.Skipped["section."+strings.ToLower(section)]++
			}
		default:
			if reason := readLine(&content, section, strings.Split(text, "|")); reason != "" {
				content.Skipped[strings.ToLower(section)+"."+reason]++
			}
		}
	}
	for _, needed := range []string{"Airports", "FIRs", "UIRs"} {
		if !seen[needed] {
			return store.VATSpy{}, fault.E(op, fault.Upstream, "no_section_"+strings.ToLower(needed), nil)
		}
	}
	return content, nil
}

func sections() []string { return []string{"Countries", "Airports", "FIRs", "UIRs", "IDL"} }

// longestLine is far beyond any real one: 400 bytes.
const longestLine = 4096

// lineOf returns a line without its comment, which begins at a semicolon.
func lineOf(line []byte) (string, bool) {
	if len(line) > longestLine || !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
		return "", false
	}
	text, _, _ := strings.Cut(string(line), ";")
	return strings.TrimSpace(text), true
}

// readLine adds a line of a section, or returns why it does not.
func readLine(content *store.VATSpy, section string, fields []string) string {
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	switch section {
	case "Airports":
		return readAirport(content, fields)
	case "FIRs":
		return readFIR(content, fields)
	case "UIRs":
		return readUIR(content, fields)
	case "Countries", "IDL":
		return ""
	default:
		return "unknown"
	}
}

// readAirport reads ICAO|name|lat|lon|IATA or LID|FIR|IsPseudo.
func readAirport(content *store.VATSpy, fields []string) string {
	if len(fields) != 7 {
		return "fields"
	}
	lat, latErr := strconv.ParseFloat(fields[2], 64)
	lon, lonErr := strconv.ParseFloat(fields[3], 64)
	switch {
	case fields[0] == "":
		return "no_code"
	case latErr != nil || lonErr != nil || !geo.IsLatitude(lat) || !geo.IsLongitude(lon):
		return "place"
	case fields[6] != "0" && fields[6] != "1":
		return "pseudo"
	}
	content.Airports = append(content.Airports, store.SpyAirport{
		ICAO: strings.ToUpper(fields[0]), Name: fields[1], Lat: lat, Lon: lon,
		LocalCode: strings.ToUpper(fields[4]), FIR: strings.ToUpper(fields[5]), Pseudo: fields[6] == "1",
	})
	return ""
}

// readFIR reads ICAO|name|callsign prefix|boundary id. Without a boundary, the
// id is the boundary's as well.
func readFIR(content *store.VATSpy, fields []string) string {
	switch {
	case len(fields) < 3 || len(fields) > 4:
		return "fields"
	case fields[0] == "":
		return "no_code"
	}
	fir := store.FIR{ID: strings.ToUpper(fields[0]), Name: fields[1], CallsignPrefix: strings.ToUpper(fields[2])}
	if len(fields) == 4 {
		fir.Boundary = strings.ToUpper(fields[3])
	}
	if fir.Boundary == "" {
		fir.Boundary = fir.ID
	}
	content.FIRs = append(content.FIRs, fir)
	return ""
}

// readUIR reads id|name|fir,fir…
func readUIR(content *store.VATSpy, fields []string) string {
	if len(fields) != 3 {
		return "fields"
	}
	uir := store.UIR{ID: strings.ToUpper(fields[0]), Name: fields[1]}
	for part := range strings.SplitSeq(fields[2], ",") {
		if id := strings.ToUpper(strings.TrimSpace(part)); id != "" {
			uir.FIRs = append(uir.FIRs, id)
		}
	}
	switch {
	case uir.ID == "":
		return "no_code"
	case len(uir.FIRs) == 0:
		return "no_firs"
	case slices.ContainsFunc(content.UIRs, func(other store.UIR) bool { return other.ID == uir.ID }):
		return "twice"
	}
	content.UIRs = append(content.UIRs, uir)
	return ""
}

// finite reads a number that a file has as text or as a number; NaN for none.
func finite(text string) float64 {
	value, err := strconv.ParseFloat(strings.Trim(text, `" `), 64)
	if err != nil || math.IsInf(value, 0) {
		return math.NaN()
	}
	return value
}
