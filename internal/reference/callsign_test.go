package reference

import (
	"slices"
	"testing"
)

func TestWhatACallsignStandsFor(t *testing.T) {
	world, airspace := embedded(t), madeAirspace(t)
	for _, test := range []struct {
		name, callsign string
		area           bool
		airspace       *Airspace
		want           Post // without its place
	}{
		{"an airport by ICAO's code", "EGLL_TWR", false, nil, Post{Airport: "EGLL"}},
		{"half of an airport's tower", "EGLL_N_TWR", false, nil, Post{Airport: "EGLL"}},
		{"an airport by IATA's code", "LHR_TWR", false, nil, Post{Airport: "EGLL"}},
		{"an American airport by its local code", "JFK_GND", false, nil, Post{Airport: "KJFK"}},
		{"an airport that VAT-Spy alone knows", "XAAB_TWR", false, airspace, Post{Airport: "XAAB", FIR: "XAAA"}},
		{"by its local code", "XAB_APP", false, airspace, Post{Airport: "XAAB", FIR: "XAAA"}},
		{"by another name of it", "ALPHA_S_APP", false, airspace, Post{Airport: "XAAB", FIR: "XAAA"}},
		{"an airport in the FIR that holds it, whatever VAT-Spy says", "XDAT_TWR", false, airspace, Post{Airport: "XDAT", FIR: "XDAT"}},
		{"a centre by its prefix", "ALF_CTR", true, airspace, Post{FIR: "XAAA"}},
		{"a centre by the longest prefix", "ALF_S_CTR", true, airspace, Post{FIR: "XAAA", Sector: "XAAA-S"}},
		{"a part that nobody wrote down is the whole", "ALF_S_2_CTR", true, airspace, Post{FIR: "XAAA", Sector: "XAAA-S"}},
		{"another prefix of the whole", "ALF_U_CTR", true, airspace, Post{FIR: "XAAA"}},
		{"a centre by the FIR's id", "XPOL_CTR", true, airspace, Post{FIR: "XPOL"}},
		{"an upper region", "XUPP_FSS", true, airspace, Post{FIR: "XUPP"}},
		{"an approach of a terminal area is a part of the FIR around it", "XATM_APP", false, airspace, Post{FIR: "XAAA", Sector: "XATM"}},
		{"a centre named for an airport is in the airport's FIR", "XBBC_CTR", true, airspace, Post{Airport: "XBBC", FIR: "XBBB"}},
		{"a centre without FIRs is unknown", "ALF_CTR", true, nil, Post{}},
		{"nobody knows it", "ZZZQ9_TWR", false, airspace, Post{}},
		{"no underscore is no position", "EGLL", false, airspace, Post{}},
		{"nor is one in front", "_TWR", false, airspace, Post{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.airspace.Post(world, test.callsign, test.area)
			placed := got.Placed
			got.Placed, got.Lat, got.Lon = false, 0, 0
			if got != test.want {
				t.Errorf("%s: %+v, want %+v", test.callsign, got, test.want)
			}
			if known := test.want != (Post{}); placed != known && test.want.FIR != "XUPP" {
				t.Errorf("placed %t", placed)
			}
		})
	}
}

func TestWithinIsTheFIRAndItsSectors(t *testing.T) {
	airspace := madeAirspace(t)
	for _, test := range []struct {
		name     string
		lat, lon float64
		want     []string
		over     []string
	}{
		{"an FIR alone", 8, 2, []string{"XAAA"}, []string{"XAAA", "XUPP"}},
		{"a sector", 2, 2, []string{"XAAA", "XAAA-S"}, []string{"XAAA", "XAAA-S", "XUPP"}},
		{"a terminal area", 5.5, 5.5, []string{"XAAA", "XATM"}, []string{"XAAA", "XATM", "XUPP"}},
		{"a hole that the ocean covers", 5, 15, []string{"XOCE"}, []string{"XOCE"}},
		{"land that the ocean covers is not the ocean's", 2, 15, []string{"XBBB"}, []string{"XBBB", "XUPP"}},
		{"beyond the date line", 0, -175, []string{"XDAT"}, []string{"XDAT"}},
		{"at the pole", 90, 123, []string{"XPOL"}, []string{"XPOL"}},
		{"nowhere", -60, -60, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, fir := range airspace.Within(nil, test.lat, test.lon) {
				got = append(got, fir.ID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("within %v, want %v", got, test.want)
			}
			if over := airspace.Over(test.lat, test.lon); !slices.Equal(over, test.over) {
				t.Errorf("over it %v, want %v", over, test.over)
			}
			if fir, found := airspace.At(test.lat, test.lon); found != (len(got) > 0) || found && fir.ID != got[0] {
				t.Errorf("At says %v", fir)
			}
		})
	}
}

func TestUpperRegionsOfAnFIR(t *testing.T) {
	airspace := madeAirspace(t)
	if got := airspace.Upper("XAAA"); !slices.Equal(got, []string{"XUPP"}) {
		t.Error(got)
	}
	if got := airspace.Upper("XDAT"); got != nil {
		t.Error(got)
	}
}
