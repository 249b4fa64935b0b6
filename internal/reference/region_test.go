package reference

import (
	"strings"
	"testing"
)

func TestRegionsHoldTheirPrefixes(t *testing.T) {
	world := embedded(t)
	for _, test := range []struct {
		region  string
		in, out []string
	}{
		{"Australia", []string{"YSSY", "ymml", "YZZZ"}, []string{"NZAA", "EGLL", "", "Y"}},
		{"USA", []string{"KJFK", "PANC", "PHNL", "KZZZ", "K00C"}, []string{"CYYZ", "PGUM", "TJSJ", "00AA"}},
		{"Europe", []string{"EGLL", "LFPG", "BIKF", "UUEE", "EG02"}, []string{"OMDB", "KJFK"}},
		{"Africa", []string{"FAOR", "HECA", "GMMN", "DNMM", "GCLP"}, []string{"EGLL", "TFFR"}},
		{"Canada", []string{"CYYZ", "CSE4"}, []string{"CA03", "CO99", "KBUF"}},
		{"South America", []string{"SBGR", "SCEL", "SA01"}, []string{"MMMX", "SD01"}},
		{"Middle East", []string{"OMDB", "LLBG"}, []string{"OPKC", "OAKB"}},
		{"Asia", []string{"OPKC", "RJTT", "ZBAA", "UAAA", "WSSS", "VIDP"}, []string{"OMDB", "UUEE"}},
		{"Oceania", []string{"YSSY", "NZAA", "NFFN", "PGUM", "AYPY"}, []string{"PANC", "PHNL"}},
		{"Caribbean", []string{"TJSJ", "MYNN"}, []string{"TA00", "TX20"}},
		{"Alaska", []string{"PANC", "PFYU"}, []string{"PA01", "PHNL"}},
		{"united-kingdom", []string{"EGLL"}, []string{"EIDW"}},
	} {
		t.Run(test.region, func(t *testing.T) {
			region, found := FindRegion(strings.ToUpper(test.region))
			if !found {
				t.Fatal("is not there")
			}
			for _, code := range test.in {
				if !world.InRegion(&region, code) {
					t.Errorf("%q is not in", code)
				}
			}
			for _, code := range test.out {
				if world.InRegion(&region, code) {
					t.Errorf("%q is in", code)
				}
			}
		})
	}
}

func TestTheTableOfRegions(t *testing.T) {
	world := embedded(t)
	names := map[string]bool{}
	for _, region := range Regions() {
		for _, name := range append([]string{region.Name}, region.Also...) {
			if names[plainName(name)] {
				t.Errorf("%s is there twice", name)
			}
			names[plainName(name)] = true
			if found, ok := FindRegion(strings.ReplaceAll(strings.ToUpper(name), " ", "_")); !ok || found.Name != region.Name {
				t.Errorf("%s is not found", name)
			}
		}
		if len(world.RegionAirports(&region)) == 0 {
			t.Errorf("%s has no airport", region.Name)
		}
	}
	if _, found := FindRegion("Atlantis"); found {
		t.Error("Atlantis is found")
	}
	t.Run("whole continents leave out no four-letter code but the national ones", func(t *testing.T) {
		whole := Regions()[:7]
		for i := range world.Airports() {
			code := world.Airports()[i].ICAO
			holds := 0
			for r := range whole {
				if isICAO(code) && whole[r].HoldsCode(code) {
					holds++
				}
			}
			// Central America and the Caribbean (M, T) are regions of their own, X
			// is nobody's, and Europe has all of L and U as the API always had.
			overlap := strings.HasPrefix(code, "LL") || strings.HasPrefix(code, "UA") || strings.HasPrefix(code, "UC") || strings.HasPrefix(code, "UT") || strings.HasPrefix(code, "UZ")
			if isICAO(code) && holds != 1 && !strings.ContainsAny(code[:1], "MTX") && !(overlap && holds == 2) {
				t.Errorf("%s is in %d continents", code, holds)
			}
		}
	})
}
