package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
)

func world(t testing.TB, options Options) *Simulator {
	t.Helper()
	sim, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// The documented shape, as a reader would declare it.
type body struct {
	General struct {
		Version          int       `json:"version"`
		UpdateTimestamp  time.Time `json:"update_timestamp"`
		ConnectedClients int       `json:"connected_clients"`
		UniqueUsers      int       `json:"unique_users"`
	} `json:"general"`
	Pilots []struct {
		CID            int32     `json:"cid"`
		Name           string    `json:"name"`
		Callsign       string    `json:"callsign"`
		Server         string    `json:"server"`
		PilotRating    int       `json:"pilot_rating"`
		MilitaryRating int       `json:"military_rating"`
		Latitude       float64   `json:"latitude"`
		Longitude      float64   `json:"longitude"`
		Altitude       int       `json:"altitude"`
		Groundspeed    int       `json:"groundspeed"`
		Transponder    string    `json:"transponder"`
		Heading        int       `json:"heading"`
		QNHInches      float64   `json:"qnh_i_hg"`
		QNHMillibar    int       `json:"qnh_mb"`
		Plan           *planBody `json:"flight_plan"`
		LogonTime      time.Time `json:"logon_time"`
		LastUpdated    time.Time `json:"last_updated"`
	} `json:"pilots"`
	Controllers []connection `json:"controllers"`
	ATIS        []connection `json:"atis"`
	Servers     []struct {
		Ident string `json:"ident"`
	} `json:"servers"`
	Prefiles []struct {
		CID         int32     `json:"cid"`
		Name        string    `json:"name"`
		Callsign    string    `json:"callsign"`
		Plan        *planBody `json:"flight_plan"`
		LastUpdated time.Time `json:"last_updated"`
	} `json:"prefiles"`
	Facilities      []any `json:"facilities"`
	Ratings         []any `json:"ratings"`
	PilotRatings    []any `json:"pilot_ratings"`
	MilitaryRatings []any `json:"military_ratings"`
}

type planBody struct {
	Rules       string `json:"flight_rules"`
	Aircraft    string `json:"aircraft"`
	FAA         string `json:"aircraft_faa"`
	Short       string `json:"aircraft_short"`
	Departure   string `json:"departure"`
	Arrival     string `json:"arrival"`
	Alternate   string `json:"alternate"`
	CruiseTAS   string `json:"cruise_tas"`
	Altitude    string `json:"altitude"`
	Deptime     string `json:"deptime"`
	EnrouteTime string `json:"enroute_time"`
	FuelTime    string `json:"fuel_time"`
	Remarks     string `json:"remarks"`
	Route       string `json:"route"`
	Revision    int    `json:"revision_id"`
	Assigned    string `json:"assigned_transponder"`
}

type connection struct {
	CID         int32     `json:"cid"`
	Name        string    `json:"name"`
	Callsign    string    `json:"callsign"`
	Frequency   string    `json:"frequency"`
	Facility    int       `json:"facility"`
	Rating      int       `json:"rating"`
	Server      string    `json:"server"`
	VisualRange int       `json:"visual_range"`
	Code        *string   `json:"atis_code"`
	Text        []string  `json:"text_atis"`
	LastUpdated time.Time `json:"last_updated"`
	LogonTime   time.Time `json:"logon_time"`
}

func decode(t testing.TB, sim *Simulator, at time.Time) *body {
	t.Helper()
	raw, _ := sim.At(at)
	var out body // reload, update and the servers' details are not read by anybody
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestSameWorldWhateverIsAskedFirst(t *testing.T) {
	t.Parallel()
	const aircraft = 120
	there := world(t, Options{Seed: 9, Aircraft: aircraft})
	wanted := map[time.Time][2][]byte{}
	moments := []time.Time{start, start.Add(time.Hour), start.Add(15 * time.Second), start.Add(-26 * time.Hour), start.Add(31 * time.Hour), start.Add(-30 * 365 * 24 * time.Hour)}
	for _, at := range moments {
		network, transceivers := there.At(at)
		wanted[at] = [2][]byte{network, transceivers}
	}
	back := world(t, Options{Seed: 9, Aircraft: aircraft})
	for i := len(moments) - 1; i >= 0; i-- {
		at := moments[i]
		if i%2 == 0 { // what else was asked makes no difference either
			back.Truth(at, at.Add(3*time.Hour))
		}
		network, transceivers := back.At(at)
		if !bytes.Equal(network, wanted[at][0]) || !bytes.Equal(transceivers, wanted[at][1]) {
			t.Errorf("%s differs when asked in another order", at)
		}
	}
	other, _ := world(t, Options{Seed: 10, Aircraft: aircraft}).At(start)
	if bytes.Equal(other, wanted[start][0]) {
		t.Error("another seed is the same world")
	}
}

func TestSnapshotTimes(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 3, Aircraft: 10})
	skipped := 0
	last := sim.SnapshotTime(start)
	for i := range 40000 {
		at := start.Add(time.Duration(i) * Cadence)
		stamp := sim.SnapshotTime(at)
		if stamp.After(at) || at.Sub(stamp) > 4*Cadence {
			t.Fatalf("at %s the newest is of %s", at, stamp)
		}
		if again := sim.SnapshotTime(stamp); !again.Equal(stamp) {
			t.Fatalf("the snapshot of %s is not its own newest: %s", stamp, again)
		}
		if stamp.Equal(last) && i > 0 {
			skipped++
		}
		last = stamp
	}
	if skipped < 40 || skipped > 160 {
		t.Errorf("%d of 40000 snapshots are left out, about 80 should be", skipped)
	}
}

func TestScales(t *testing.T) {
	t.Parallel()
	for _, aircraft := range []int{1, 10, 300, 2000} {
		t.Run(fmt.Sprintf("%d aircraft are about as many", aircraft), func(t *testing.T) {
			t.Parallel()
			sim := world(t, Options{Seed: 2, Aircraft: aircraft})
			total, samples := 0, 8
			for i := range samples {
				total += len(decode(t, sim, start.Add(time.Duration(i)*5*time.Hour)).Pilots)
			}
			mean := float64(total) / float64(samples)
			// Ten deviations of a count that is nearly Poisson, and 4 % of calibration.
			if allowed := 0.04*float64(aircraft) + 3*math.Sqrt(float64(aircraft)); math.Abs(mean-float64(aircraft)) > allowed {
				t.Errorf("%.1f on average", mean)
			}
		})
	}
	for _, options := range []Options{{Aircraft: -1}, {Aircraft: 100001}, {Controllers: -1}} {
		if _, err := New(options); err == nil {
			t.Errorf("%+v was accepted", options)
		}
	}
}

// The bounds lie around what FEED counts in captured snapshots.
func TestRates(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 5, Aircraft: 2500})
	counts := map[string]float64{}
	for i := range 6 {
		b := decode(t, sim, start.Add(time.Duration(i)*7*time.Hour))
		tally(counts, b)
	}
	for _, test := range []struct {
		name, part, of string
		low, high      float64
	}{
		{"plans are missing", "no plan", "pilots", 0.04, 0.07},
		{"slower than 50 kt", "slow", "pilots", 0.26, 0.34},
		{"no ICAO airport", "odd airport", "plans", 0.001, 0.02},
		{"filed altitude not three to five digits", "odd altitude", "plans", 0.01, 0.05},
		{"visual rules", "vfr", "plans", 0.005, 0.05},
		{"transponder not octal", "odd squawk", "pilots", 0.0001, 0.003},
		{"heading 360", "heading 360", "pilots", 0.0003, 0.004},
		{"ghosts", "ghost", "pilots", 0.0001, 0.002},
		{"name is the cid", "name is cid", "pilots", 0.008, 0.035},
		{"name is not ASCII", "name not ascii", "pilots", 0.02, 0.12},
		{"frequency not set", "not set", "controllers", 0.27, 0.50},
		{"observers", "observers", "controllers", 0.27, 0.45},
		{"no controller information", "no text", "controllers", 0.35, 0.65},
		{"controllers to pilots", "controllers", "pilots", 0.08, 0.12},
		{"ATIS to controllers", "atis", "controllers", 0.25, 0.9},
		{"ATIS without its letter", "no letter", "atis", 0.01, 0.12},
		{"prefiles to pilots", "prefiles", "pilots", 0.06, 0.15},
		{"prefiles by somebody flying", "prefile flying", "prefiles", 0.15, 0.35},
		{"lag under 2.6 s", "fresh", "pilots", 0.45, 0.55},
	} {
		if rate := counts[test.part] / counts[test.of]; rate < test.low || rate > test.high {
			t.Errorf("%s: %.4f of %.0f, not between %v and %v", test.name, rate, counts[test.of], test.low, test.high)
		}
	}
}

func tally(counts map[string]float64, b *body) {
	add := func(name string, yes bool) {
		if yes {
			counts[name]++
		}
	}
	now := b.General.UpdateTimestamp
	flying := map[int32]bool{}
	for i := range b.Pilots {
		p := &b.Pilots[i]
		flying[p.CID] = true
		counts["pilots"]++
		add("no plan", p.Plan == nil)
		add("slow", p.Groundspeed < 50)
		add("odd squawk", p.Transponder[0] > '7')
		add("heading 360", p.Heading == 360)
		add("ghost", now.Sub(p.LastUpdated) > time.Minute)
		add("fresh", now.Sub(p.LastUpdated) < 2600*time.Millisecond)
		add("name is cid", p.Name == fmt.Sprint(p.CID))
		add("name not ascii", len(p.Name) != len([]rune(p.Name)))
		if plan := p.Plan; plan != nil {
			counts["plans"]++
			add("odd airport", len(plan.Departure) != 4 || len(plan.Arrival) != 4 || plan.Departure == "ZZZZ" || plan.Arrival == "ZZZZ")
			add("odd altitude", !digits(plan.Altitude))
			add("vfr", plan.Rules == "V")
		}
	}
	for i := range b.Controllers {
		c := &b.Controllers[i]
		counts["controllers"]++
		add("not set", c.Frequency == "199.998")
		add("observers", c.Facility == 0)
		add("no text", c.Text == nil)
	}
	for i := range b.ATIS {
		counts["atis"]++
		add("no letter", b.ATIS[i].Code == nil)
	}
	for i := range b.Prefiles {
		counts["prefiles"]++
		add("prefile flying", flying[b.Prefiles[i].CID])
	}
}

func digits(text string) bool {
	if len(text) < 3 || len(text) > 5 {
		return false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
