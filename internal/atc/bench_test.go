package atc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/atc"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// The cost of a scene follows what changes in it: aircraft that stand still and
// keep their frequencies cost a lookup each.
func BenchmarkObserve(b *testing.B) {
	w, fir := world(b), airspace(b, 1)
	for _, pilots := range []int{2_500, 25_000} {
		for _, moving := range []int{0, 1, 10, 70, 100} { // percent
			b.Run(fmt.Sprintf("%d pilots, %d %% move", pilots, moving), func(b *testing.B) {
				tracker := atc.New(w)
				s := at(0)
				// 200 approaches over the northern half of the world, the aircraft around them.
				place := func(i int) (lat, lon float64) { return 5 + float64(i%10)*8, -175 + float64(i%200/10)*17 }
				for i := range pilots {
					callsign := fmt.Sprintf("TST%d", i)
					lat, lon := place(i)
					s.Pilots = append(s.Pilots, pilot(int32(i), callsign, lat+float64(i%31-15)/30, lon+float64(i%37-18)/30))
					s.Pilots[i].Altitude = int32(i%13) * 3000
					s.Stations = append(s.Stations, radios(callsign, 51, 0, 122_800, 118_000+int32(i%200)*25))
				}
				for i := range 200 {
					callsign := fmt.Sprintf("EGLL_%d_APP", i)
					lat, lon := place(i)
					s.Controllers = append(s.Controllers, controller(int32(100_000+i), callsign, 5, 118_000+int32(i)*25))
					s.Stations = append(s.Stations, radios(callsign, lat, lon, 118_000+int32(i)*25))
				}
				statuses := flights(s.Pilots)
				tracker.Observe(s, statuses, fir)
				n := 0
				for b.Loop() {
					n++
					s.Snapshot = &vatsim.Snapshot{Pilots: s.Pilots, Controllers: s.Controllers, UpdateTimestamp: start.Add(time.Duration(n) * 15 * time.Second)}
					for i := range pilots * moving / 100 {
						s.Pilots[i].Latitude += int32(n%2*2-1) * 100
					}
					tracker.Observe(s, statuses, fir)
				}
			})
		}
	}
}
