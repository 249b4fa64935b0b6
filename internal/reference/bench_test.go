package reference

import "testing"

func BenchmarkEmbedded(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Embedded(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	files := realFiles(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(files); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewAirspace(b *testing.B) {
	content, err := parse(realFiles(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewAirspace(content, realVersion()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlace places 25,000 points in their FIRs, where airports are: ten
// times the network.
func BenchmarkPlace(b *testing.B) {
	airspace := realAirspace(b)
	world, err := Embedded()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range 25_000 {
			airspace.At(world.airports[i].Lat, world.airports[i].Lon)
		}
	}
}
