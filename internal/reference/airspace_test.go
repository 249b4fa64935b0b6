package reference

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/geo"
)

func TestAPointLiesInOneFIR(t *testing.T) {
	airspace := madeAirspace(t)
	for _, test := range []struct {
		name     string
		lat, lon float64
		want     string
	}{
		{"a plain one", 8, 5, "XAAA"},
		{"its sector does not name the place", 2, 5, "XAAA"},
		{"nor does a terminal area", 5.5, 5.5, "XAAA"},
		{"on the border of two, in one", 5, 10, "XBBB"},
		{"what covers an ocean belongs to itself", 2, 12, "XBBB"},
		{"the hole belongs to the ocean", 5, 15, "XOCE"},
		{"the ocean", -30, 40, "XOCE"},
		{"west of the date line", 0, 175, "XDAT"},
		{"east of the date line", 0, -175, "XDAT"},
		{"on the date line", 3, 180, "XDAT"},
		{"on the date line, from the other side", 3, -180, "XDAT"},
		{"around the pole", 71, 123, "XPOL"},
		{"the pole itself", 90, 0, "XPOL"},
		{"nowhere", -80, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if fir, found := airspace.At(test.lat, test.lon); found {
				got = fir.ID
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestRowsOfOneFIRBecomeOne(t *testing.T) {
	airspace := madeAirspace(t)
	var ids []string
	for _, fir := range airspace.FIRs() {
		ids = append(ids, fir.ID)
	}
	if diff := cmp.Diff([]string{"XAAA", "XAAA-S", "XATM", "XBBB", "XDAT", "XOCE", "XPOL"}, ids); diff != "" {
		t.Error(diff)
	}
	fir, found := airspace.FIR("xaaa")
	if !found {
		t.Fatal("XAAA is not there")
	}
	if fir.Name != "Alpha" || fir.Sector || fir.Oceanic || fir.Airports != 1 || fir.Region != "EMEA" || fir.Division != "VATX" || *fir.Label != (geo.Coordinate{5, 5}) {
		t.Errorf("%+v", fir)
	}
	if diff := cmp.Diff([]string{"ALF", "ALF_U"}, fir.Prefixes); diff != "" {
		t.Error(diff)
	}
	if box, ok := fir.Box(); !ok || box != (geo.Box{West: 0, South: 0, East: 10, North: 10}) {
		t.Errorf("box %v", box)
	}
	for _, id := range []string{"XAAA-S", "XATM"} {
		if sector, found := airspace.FIR(id); !found || !sector.Sector {
			t.Errorf("%s is no sector", id)
		}
	}
	ocean, _ := airspace.FIR("XOCE")
	if ocean.Sector || !ocean.Oceanic {
		t.Errorf("%+v", ocean)
	}
	if _, found := airspace.FIR("NONE"); found {
		t.Error("NONE is an FIR")
	}
}

func TestAnUpperRegionIsItsFIRsTogether(t *testing.T) {
	airspace := madeAirspace(t)
	upper, found := airspace.FIR("xupp")
	if !found {
		t.Fatal("XUPP is not there")
	}
	if !upper.Holds(5, 5) || !upper.Holds(2, 15) || upper.Holds(5, 15) || upper.Holds(-20, 15) {
		t.Error("its outline is another")
	}
	if box, ok := upper.Box(); !ok || box != (geo.Box{West: 0, South: 0, East: 20, North: 10}) {
		t.Errorf("box %v", box)
	}
}
