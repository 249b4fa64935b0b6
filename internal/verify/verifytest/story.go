package verifytest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/skyledger/skyledger/internal/rawlog"
)

// Start is the update_timestamp of the first snapshot; the story goes on past
// the end of its hour.
func Start() time.Time { return time.Date(2026, 3, 1, 12, 58, 9, 123_456_000, time.UTC) }

// Length is the number of ticks of the story.
const Length = 20

// row is one object of the feed.
type row map[string]any

// Story returns the snapshots in order. What happens in them:
//   - ticks 5 and 6 bring nothing;
//   - pilot 1000003 is gone at tick 3 and back, under the same logon, at 4;
//   - pilot 1000004 reconnects at tick 8 under a new logon;
//   - the pilots of ticks 9 and 10 are all gone, which nobody believes;
//   - pilot 1000001 changes the plan at tick 4, which is blank from 11 to 12;
//   - the prefile of 1000050 is flown from tick 7 on;
//   - EGLL_TWR has no frequency until tick 2, and moves to another at 12;
//   - the ATIS loses its letter at every second tick;
//   - one row is wrong and one double all the time, and one callsign is a machine's.
func Story() []rawlog.Record {
	var records []rawlog.Record
	for tick := range Length {
		if tick != 5 && tick != 6 {
			records = append(records, Record(tick))
		}
	}
	return records
}

// At returns the update_timestamp of a tick's snapshot.
func At(tick int) time.Time { return Start().Add(time.Duration(tick) * 15 * time.Second) }

// Record returns the record of one tick.
func Record(tick int) rawlog.Record {
	at := At(tick)
	body := row{
		"general":     row{"version": 3, "update_timestamp": at.Format("2006-01-02T15:04:05.0000000Z"), "connected_clients": 20, "unique_users": 19},
		"pilots":      pilots(tick),
		"controllers": controllers(tick),
		"atis":        atis(tick),
		"prefiles":    prefiles(tick),
		"servers":     []row{},
	}
	return rawlog.Record{
		At: at, Tick: at.Truncate(15 * time.Second), Received: at.Add(1500 * time.Millisecond),
		Network: encode(body), Transceivers: encode([]row{{
			"callsign": "EGLL_TWR",
			"transceivers": []row{{
				"id": 0, "frequency": 118500000, "latDeg": 51.4775, "lonDeg": -0.461389, "heightMslM": 30.5, "heightAglM": 5,
			}},
		}}),
	}
}

func encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // the story is made of strings and numbers
	}
	return body
}

func connection(tick, cid int, name, callsign string, logon time.Time) row {
	return row{
		"cid": cid, "name": name, "callsign": callsign, "server": "GERMANY",
		"logon_time": logon.Format(time.RFC3339Nano), "last_updated": At(tick).Add(-2 * time.Second).Format(time.RFC3339Nano),
	}
}

func pilots(tick int) []row {
	if tick == 9 || tick == 10 {
		return []row{}
	}
	var rows []row
	for i := range 14 {
		if i == 3 && tick == 3 {
			continue
		}
		rows = append(rows, pilot(tick, i))
	}
	rows = append(rows, wrong(tick)...)
	double := pilot(tick, 2)
	double["logon_time"] = Start().Add(-3 * time.Hour).Format(time.RFC3339Nano)
	rows = append(rows, double)
	if tick >= 7 {
		flown := pilot(tick, 50)
		rows = append(rows, flown)
	}
	return rows
}

func pilot(tick, i int) row {
	logon := Start().Add(-time.Hour - time.Duration(i)*time.Second)
	if i == 4 && tick >= 8 {
		logon = At(7).Add(3 * time.Second)
	}
	if i == 50 {
		logon = At(6)
	}
	r := connection(tick, 1_000_000+i, fmt.Sprintf("Alma%c Berg%c EGLL", 'a'+i%26, 'a'+i%26), fmt.Sprintf("TST%d", i), logon)
	moved := float64(tick)
	if i%3 == 0 {
		moved = 0 // parked
	}
	r["latitude"], r["longitude"] = 51.47+float64(i)/10+moved/1000, -0.45-float64(i)/7
	r["altitude"], r["groundspeed"], r["heading"] = 100+i*1000, int(moved)*10, (350+tick)%361
	r["transponder"], r["qnh_mb"], r["qnh_i_hg"] = "2000", 1013, 29.92
	r["pilot_rating"], r["military_rating"] = 1, 0
	r["flight_plan"] = plan(tick, i)
	return r
}

func plan(tick, i int) any {
	if i == 5 || i == 1 && (tick == 11 || tick == 12) {
		return nil
	}
	arrival, revision := "LFPG", 1
	if i == 1 && tick >= 4 {
		arrival, revision = "EHAM", 2
	}
	return row{
		"flight_rules": "I", "aircraft": "A320/M-SDE", "aircraft_faa": "A320/L", "aircraft_short": "A320",
		"departure": "EGLL", "arrival": arrival, "alternate": "", "cruise_tas": "450", "altitude": "FL330",
		"deptime": "1200", "enroute_time": "0110", "fuel_time": "0300",
		"remarks": fmt.Sprintf("PBN/A1 RMK/ALMA%[1]c BERG%[1]c HERE", 'A'+i%26), "route": fmt.Sprintf("DET L6 DVR %d", i),
		"revision_id": revision, "assigned_transponder": "0000",
	}
}

// wrong returns rows that must be refused.
func wrong(tick int) []row {
	outside := pilot(tick, 20)
	outside["latitude"] = 91.5
	machine := pilot(tick, 21)
	machine["callsign"] = "AFVDATA"
	nobody := pilot(tick, 22)
	nobody["cid"] = "abc"
	return []row{outside, machine, nobody}
}

func controllers(tick int) []row {
	tower := connection(tick, 1_000_100, "Cora Dahl", "EGLL_TWR", Start().Add(-30*time.Minute))
	tower["facility"], tower["rating"], tower["visual_range"], tower["text_atis"] = 4, 5, 50, nil
	tower["frequency"] = "118.500"
	switch {
	case tick < 2:
		tower["frequency"] = "199.998"
	case tick >= 12:
		tower["frequency"] = "118.7"
	}
	observer := connection(tick, 1_000_101, "Emil Falk", "EF_OBS", Start().Add(-20*time.Minute))
	observer["facility"], observer["rating"], observer["visual_range"], observer["frequency"] = 0, 1, 300, "199.998"
	observer["text_atis"] = []string{"just looking"}
	return []row{tower, observer}
}

func atis(tick int) []row {
	station := connection(tick, 1_000_100, "Cora Dahl", "EGLL_ATIS", Start().Add(-30*time.Minute))
	station["facility"], station["rating"], station["visual_range"], station["frequency"] = 4, 5, 50, "128.080"
	letter := "K"
	if tick >= 14 {
		letter = "L"
	}
	station["text_atis"] = []string{"HEATHROW INFORMATION " + letter, "RUNWAY 27L"}
	station["atis_code"] = letter
	if tick%2 == 1 {
		station["atis_code"] = nil
	}
	return []row{station}
}

func prefiles(tick int) []row {
	if tick >= 7 {
		return []row{}
	}
	return []row{{
		"cid": 1_000_050, "name": "Almay Bergy EGLL", "callsign": "TST50", "flight_plan": plan(tick, 50),
		"last_updated": Start().Add(-time.Hour).Format(time.RFC3339Nano),
	}}
}
