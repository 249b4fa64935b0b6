package simulator

// centre is a flight information region's control: callsigns start with
// prefix, plans and remarks call the region fir. The places are rough middles.
type centre struct {
	prefix, fir string
	lat, lon    float64
}

func centres() []centre {
	return []centre{
		{"LON", "EGTT", 51.5, -1}, {"SCO", "EGPX", 56.5, -4}, {"EISN", "EISN", 53.2, -8}, {"EDGG", "EDGG", 50, 8},
		{"EDMM", "EDMM", 48.6, 11.8}, {"EDWW", "EDWW", 52.8, 10}, {"EHAA", "EHAA", 52.4, 5}, {"EBBU", "EBBU", 50.7, 4.6},
		{"LFFF", "LFFF", 48.5, 2.3}, {"LFMM", "LFMM", 44, 5}, {"LFBB", "LFBB", 44.7, -0.3}, {"LFRR", "LFRR", 48, -4},
		{"LECM", "LECM", 40.5, -4}, {"LECB", "LECB", 41, 2}, {"LPPC", "LPPC", 39, -9}, {"LSAS", "LSAS", 46.9, 8},
		{"LIRR", "LIRR", 42, 12.5}, {"LIMM", "LIMM", 45.3, 9.3}, {"LIPP", "LIPP", 45, 12}, {"LOVV", "LOVV", 47.7, 14},
		{"LKAA", "LKAA", 49.8, 15}, {"LHCC", "LHCC", 47.2, 19.3}, {"EPWW", "EPWW", 52, 20}, {"EKDK", "EKDK", 55.7, 11},
		{"ESAA", "ESAA", 59, 16}, {"ENOR", "ENOR", 62, 9}, {"EFIN", "EFIN", 62, 25}, {"EETT", "EETT", 58.8, 25},
		{"LRBB", "LRBB", 45.5, 25}, {"LGGG", "LGGG", 38, 23.8}, {"LTAA", "LTAA", 39.5, 33}, {"UUWV", "UUWV", 55.5, 38},
		{"NY", "KZNY", 40.9, -73}, {"BOS", "KZBW", 42.7, -71.5}, {"DC", "KZDC", 38.5, -77.5}, {"JAX", "KZJX", 30.5, -82},
		{"MIA", "KZMA", 26.5, -80.8}, {"ATL", "KZTL", 33.9, -84}, {"CLE", "KZOB", 41.3, -82.2}, {"CHI", "KZAU", 41.8, -88.3},
		{"IND", "KZID", 39.7, -86.3}, {"MEM", "KZME", 35, -90}, {"FTW", "KZFW", 32.8, -97}, {"HOU", "KZHU", 30, -95},
		{"KC", "KZKC", 38.9, -94.8}, {"MSP", "KZMP", 44.6, -93.2}, {"DEN", "KZDV", 40.2, -105.1}, {"ABQ", "KZAB", 35.2, -106.6},
		{"SLC", "KZLC", 40.8, -112}, {"LAX", "KZLA", 34.6, -118.1}, {"OAK", "KZOA", 37.5, -121.9}, {"SEA", "KZSE", 47.3, -122.2},
		{"TOR", "CZYZ", 43.7, -79.6}, {"MTL", "CZUL", 45.5, -73.7}, {"CZVR", "CZVR", 49.2, -123}, {"CZEG", "CZEG", 53.3, -113.6},
		{"SBBS", "SBBS", -15.9, -48}, {"SBCW", "SBCW", -25.5, -49.2}, {"SAEF", "SAEF", -34.8, -58.5}, {"SKED", "SKED", 4.7, -74},
		{"MMFR", "MMFR", 19.4, -99}, {"OMAE", "OMAE", 24.5, 54.5}, {"OEJD", "OEJD", 24, 42}, {"OTDF", "OTDF", 25.3, 51.6},
		{"VIDF", "VIDF", 28.6, 77}, {"VTBB", "VTBB", 13.7, 100.7}, {"WSJC", "WSJC", 1.3, 104}, {"WIIF", "WIIF", -6, 107},
		{"VHHK", "VHHK", 22.3, 114}, {"ZGZU", "ZGZU", 23.4, 113.3}, {"ZSHA", "ZSHA", 31.2, 121.3}, {"ZBPE", "ZBPE", 40, 116.5},
		{"RPHI", "RPHI", 14.5, 121}, {"RJTT", "RJJJ", 35.7, 139.8}, {"RKRR", "RKRR", 37, 127.5}, {"RCAA", "RCAA", 24.5, 121},
		{"ML-SNO", "YMMM", -37.5, 145}, {"BN-ARL", "YBBB", -30, 152}, {"NZAA", "NZZC", -37, 175}, {"FAJA", "FAJA", -26, 28},
	}
}
