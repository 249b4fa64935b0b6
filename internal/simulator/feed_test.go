package simulator

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/vatsim"
)

func TestEverythingDecodes(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 14, Aircraft: 1500})
	for i := range 6 {
		network, transceivers := sim.At(start.Add(time.Duration(i) * 5 * time.Hour))
		snapshot, err := vatsim.Decode(network)
		if err != nil {
			t.Fatal(err)
		}
		var raw body
		if err := json.Unmarshal(network, &raw); err != nil {
			t.Fatal(err)
		}
		if len(snapshot.Rejects) != 0 {
			t.Errorf("rejected: %+v", snapshot.Rejects)
		}
		duplicates := 0
		for _, n := range snapshot.Duplicates {
			duplicates += n
		}
		rows := len(snapshot.Pilots) + len(snapshot.Controllers) + len(snapshot.ATIS) + len(snapshot.Prefiles)
		if all := len(raw.Pilots) + len(raw.Controllers) + len(raw.ATIS) + len(raw.Prefiles); rows+duplicates != all || duplicates > 1 {
			t.Errorf("%d rows and %d duplicates of %d", rows, duplicates, all)
		}
		if raw.General.ConnectedClients+duplicates != len(raw.Pilots)+len(raw.Controllers)+len(raw.ATIS) {
			t.Errorf("%d clients are claimed", raw.General.ConnectedClients)
		}
		for i := range snapshot.Pilots {
			if _, err := snapshot.Pilots[i].Plan.Parse(); err != nil {
				t.Errorf("plan of %s: %v", snapshot.Pilots[i].Callsign, err)
			}
		}
		for name := range snapshot.Drift {
			if strings.Contains(name, "unknown") || strings.Contains(name, "malformed") {
				t.Errorf("drift: %s", name)
			}
		}
		stations, rejects, err := vatsim.DecodeStationsCounted(transceivers)
		if err != nil || len(rejects) != 0 || len(stations) < len(snapshot.Pilots)*9/10 {
			t.Errorf("%d stations, rejected %v, %v", len(stations), rejects, err)
		}
	}
}

func TestNobodyIsTwice(t *testing.T) {
	t.Parallel()
	for name, aircraft := range map[string]int{"a usual network": 2000, "several times the network": 10000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := world(t, Options{Seed: 31, Aircraft: aircraft, Oddities: -1})
			b := decode(t, sim, start)
			callsigns, cids := map[string]bool{}, map[int32]bool{}
			renamed := 0
			for i := range b.Pilots {
				p := &b.Pilots[i]
				if callsigns[p.Callsign] {
					t.Errorf("%s is there twice", p.Callsign)
				}
				if cids[p.CID] {
					renamed++ // within the tick of a callsign change
				}
				callsigns[p.Callsign], cids[p.CID] = true, true
			}
			if renamed > 1+aircraft/5000 {
				t.Errorf("%d members fly twice", renamed)
			}
			for _, rows := range [][]connection{b.Controllers, b.ATIS} {
				for i := range rows {
					if callsigns[rows[i].Callsign] {
						t.Errorf("%s is there twice", rows[i].Callsign)
					}
					callsigns[rows[i].Callsign] = true
				}
			}
			for i := range b.Prefiles {
				if callsigns[b.Prefiles[i].Callsign] {
					t.Errorf("prefile %s is there twice", b.Prefiles[i].Callsign)
				}
				callsigns[b.Prefiles[i].Callsign] = true
			}
		})
	}
}

// What comes and goes over hours is followed tick by tick.
func TestConnectionsComeAndGo(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 17, Aircraft: 30, Controllers: 150})
	unset, letters, nulls := map[string]int{}, map[string]map[string]bool{}, 0
	logons := map[string]map[time.Time]bool{}
	for tick := range 960 { // four hours
		b := decode(t, sim, start.Add(time.Duration(tick)*Cadence))
		for i := range b.Controllers {
			c := &b.Controllers[i]
			if logons[c.Callsign] == nil {
				logons[c.Callsign] = map[time.Time]bool{}
			}
			logons[c.Callsign][c.LogonTime] = true
			if c.Facility > 1 && c.Frequency == "199.998" {
				unset[c.Callsign+c.LogonTime.String()]++
			}
		}
		for i := range b.ATIS {
			if code := b.ATIS[i].Code; code == nil {
				nulls++
			} else {
				if letters[b.ATIS[i].Callsign] == nil {
					letters[b.ATIS[i].Callsign] = map[string]bool{}
				}
				letters[b.ATIS[i].Callsign][*code] = true
			}
		}
	}
	for who, ticks := range unset {
		if ticks > 3 {
			t.Errorf("%s has no frequency for %d ticks", who, ticks)
		}
	}
	again, changed := 0, 0
	for _, times := range logons {
		if len(times) > 1 {
			again++
		}
	}
	for _, codes := range letters {
		if len(codes) > 1 {
			changed++
		}
	}
	if len(unset) < 20 || again == 0 || changed < 5 || nulls == 0 {
		t.Errorf("%d without frequency, %d logged on again, %d stations with new letters, %d letters missing", len(unset), again, changed, nulls)
	}
}

func TestPilotsReconnect(t *testing.T) {
	t.Parallel()
	sim := world(t, Options{Seed: 19, Aircraft: 1000})
	events := map[string][]Event{}
	for _, event := range sim.Truth(start, start.Add(8*time.Hour)) {
		events[event.Flight] = append(events[event.Flight], event)
	}
	returned := 0
	for flight, of := range events {
		for i := range of {
			if of[i].Kind != Reconnect || i == 0 {
				continue
			}
			returned++
			lost := of[i-1]
			if gap := of[i].Time.Sub(lost.Time); lost.Kind != Disconnect || gap < 20*time.Second || gap > 21*time.Minute ||
				lost.CID != of[i].CID || lost.Callsign != of[i].Callsign {
				t.Errorf("flight %s: %+v after %+v", flight, of[i], lost)
			}
		}
	}
	if returned < 20 {
		t.Errorf("only %d reconnects", returned)
	}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "simulated", "truth.jsonl")
	options := Options{Seed: 23, Aircraft: 150}
	end := start.Add(3*time.Hour + 7*time.Minute)
	journal := func(options Options) (*Journal, error) { return OpenJournal(world(t, options), path, start) }
	step := func(to time.Time) {
		t.Helper()
		j, err := journal(options)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Advance(to); err != nil {
			t.Fatal(err)
		}
		if err := j.Advance(to.Add(-time.Hour)); err != nil || !j.Upto().Equal(to) {
			t.Errorf("going back: %v, written up to %s", err, j.Upto())
		}
	}
	step(start.Add(40 * time.Minute))
	// A crash between the lines and the mark leaves half of something behind.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("{\"time\":\"2026-03-14T10:07:00Z\",\"kind\":\"take"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	step(start.Add(41 * time.Minute))
	step(end)
	file, err = os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := ReadTruth(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(world(t, options).Truth(start, end), got); diff != "" {
		t.Error(diff)
	}
	if _, err := journal(Options{Seed: 24, Aircraft: 150}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the journal of another world: %v", err)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := journal(options); err == nil {
		t.Error("a journal that lost lines was accepted")
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	now := start
	source := NewSource(world(t, Options{Seed: 1, Aircraft: 20}), func() time.Time { return now })
	first, _ := source.Current()
	now = now.Add(time.Second)
	if same, ok := source.Current(); !ok || !same.At.Equal(first.At) || &same.Network[0] != &first.Network[0] {
		t.Error("a snapshot is rendered again within its 15 seconds")
	}
	now = now.Add(time.Minute)
	later, _ := source.Current()
	if !later.At.After(first.At) || len(later.Transceivers) == 0 {
		t.Errorf("%s after %s", later.At, first.At)
	}
	snapshot, err := vatsim.Decode(later.Network)
	if err != nil || !snapshot.UpdateTimestamp.Equal(later.At.Truncate(time.Microsecond)) {
		t.Errorf("the body is of %v, the source says %s (%v)", snapshot, later.At, err)
	}
}

func TestTextsAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var back string
		if err := json.Unmarshal(appendText(nil, text), &back); err != nil || back != text {
			t.Errorf("%q came back as %q: %v", text, back, err)
		}
	})
}

func TestDegreesAreNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		degrees := rapid.Float64Range(-180, 180).Draw(t, "degrees")
		var back float64
		if err := json.Unmarshal(appendDegrees(nil, degrees), &back); err != nil || math.Abs(back-degrees) > 0.500001e-5 {
			t.Errorf("%v came back as %v: %v", degrees, back, err)
		}
	})
}

func TestCallsignsAreOfOneCode(t *testing.T) {
	t.Parallel()
	seen := map[string]uint64{}
	for code := range uint64(370000) {
		for _, text := range []string{flightNumber(code), registration(code)} {
			if other, ok := seen[text]; ok {
				t.Fatalf("%d and %d are both %s", other, code, text)
			}
			seen[text] = code
		}
	}
}

// The airports' table is generated from reference data outside the repository.
func TestAirports(t *testing.T) {
	t.Parallel()
	atlas, err := newAtlas()
	if err != nil {
		t.Fatal(err)
	}
	if len(atlas.airports) < 300 {
		t.Errorf("%d airports", len(atlas.airports))
	}
	for i := range atlas.airports {
		a := &atlas.airports[i]
		if len(a.icao) != 4 || a.longest < 900 || a.elevation > 9000 || a.elevation < -50 {
			t.Errorf("%s: %.0f m at %.0f ft", a.icao, a.longest, a.elevation)
		}
		for n := range uint64(20) {
			stand := a.gate(n)
			if away := stand.at.metresTo(a.at); away > 6000 {
				t.Errorf("stand %d of %s is %.0f m away", n, a.icao, away)
			}
		}
		for number := range a.ends {
			if end := &a.ends[number]; end.length > 6500 {
				t.Errorf("%s %s is %.0f m long", a.icao, end.ident, end.length)
			}
		}
	}
}
