package reference

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/provision/pgtest"
	"github.com/skyledger/skyledger/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m, func() error { return goleak.Find() }) }

// A made-up part of the world. XAAA is a square with a sector and a terminal
// area in it, XBBB its neighbour to the east with a hole, XOCE an ocean that
// covers XBBB's hole as well, XDAT lies across the date line, XPOL around the
// north pole.
const madeVATSpy = `;a comment
[Countries]
Exland|XA|Control

[Airports]
;ICAO|Airport Name|Latitude Decimal|Longitude Decimal|IATA/LID|FIR|IsPseudo
XAAB|Alpha|5.5|5.5|XAB|XAAA|0 ; a remark
XAAB|Alpha again|5.5|5.5|ALPHA|XAAA|1
XBBC|Bravo|5|12||XBBB|0
XDAT|Dateline|0|-179||XDAT|0
XPOL|Pole|89|10||XPOL|0

[FIRs]
;ICAO|NAME|CALLSIGN PREFIX|FIR BOUNDARY
XAAA|Alpha|ALF|XAAA
XAAA|Alpha Upper|ALF_U|XAAA
XAAA-S|Alpha South|ALF_S|XAAA-S
XATM|Alpha TMA||XATM
XBBB|Bravo|XBBB|XBBB
XOCE|Ocean|OCE|XOCE
XDAT|Dateline|XDAT|XDAT
XPOL|Pole||

[UIRs]
XUPP|Upper|XAAA,XBBB

[IDL]
90.0|-180.0
`

func madeBoundaries() string {
	feature := func(id, oceanic, label, coordinates string) string {
		lat, lon, _ := strings.Cut(label, ",")
		return fmt.Sprintf(`{"type":"Feature","properties":{"id":%q,"oceanic":%q,"label_lat":%q,"label_lon":%q,"region":"EMEA","division":"VATX"},"geometry":{"type":"MultiPolygon","coordinates":%s}}`,
			id, oceanic, lat, lon, coordinates)
	}
	return `{"type":"FeatureCollection","features":[` + strings.Join([]string{
		feature("XAAA", "0", "5,5", "[[[[0,0],[10,0],[10,10],[0,10],[0,0]]]]"),
		feature("XAAA-S", "0", "2,5", "[[[[0,0],[10,0],[10,4],[0,4],[0,0]]]]"),
		feature("XATM", "0", "5.5,5.5", "[[[[5,5],[6,5],[6,6],[5,6],[5,5]]]]"),
		feature("XBBB", "0", "5,15", "[[[[10,0],[20,0],[20,10],[10,10],[10,0]],[[14,4],[14,6],[16,6],[16,4],[14,4]]]]"),
		feature("XOCE", "1", "-20,15", "[[[[10,-40],[60,-40],[60,10],[10,10],[10,-40]]]]"),
		feature("XDAT", "0", "0,180", "[[[[170,-10],[180,-10],[180,10],[170,10],[170,-10]]],[[[-180,-10],[-170,-10],[-170,10],[-180,10],[-180,-10]]]]"),
		feature("XPOL", "1", "89,0", "[[[[0,70],[90,70],[180,70],[-90,70],[0,70]]]]"),
	}, ",\n") + "]}"
}

func madeFiles() Files {
	return Files{VATSpy: []byte(madeVATSpy), Boundaries: []byte(madeBoundaries()), Commit: "made-1"}
}

func madeContent(t testing.TB) store.VATSpy {
	t.Helper()
	content, err := parse(madeFiles())
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func madeAirspace(t testing.TB) *Airspace {
	t.Helper()
	airspace, err := NewAirspace(madeContent(t), store.VATSpyVersion{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return airspace
}

func embedded(t testing.TB) *World {
	t.Helper()
	world, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return world
}
