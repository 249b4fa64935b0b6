package rawlog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// start is a whole hour in the past.
var start = time.Date(2024, 11, 21, 12, 0, 0, 0, time.UTC)

// network is a made-up network whose bodies look and change as the feed's do.
type network struct {
	random *rand.Rand
	rows   []row
	next   int
	at     time.Time
}

type row struct {
	cid                       int
	callsign                  string
	lat, lon                  float64
	altitude, speed, heading  int
	squawk                    int
	logon                     time.Time
	route, departure, arrival string
	still                     bool
	remarks, aircraft         string
}

func newNetwork(aircraft int, seed uint64) *network {
	n := &network{random: rand.New(rand.NewPCG(seed, 1)), at: start}
	for range aircraft {
		n.rows = append(n.rows, n.newRow())
	}
	return n
}

func (n *network) newRow() row {
	letters := func(count int) string {
		var b strings.Builder
		for range count {
			b.WriteByte(byte('A' + n.random.IntN(26)))
		}
		return b.String()
	}
	n.next++
	r := row{
		cid: 800000 + n.random.IntN(900000), callsign: letters(3) + fmt.Sprint(n.random.IntN(9000)),
		lat: n.random.Float64()*140 - 70, lon: n.random.Float64()*360 - 180,
		altitude: n.random.IntN(41000), speed: n.random.IntN(500), heading: n.random.IntN(360),
		squawk: n.random.IntN(7777), logon: n.at.Add(-time.Duration(n.random.IntN(36000)) * time.Second),
		departure: letters(4), arrival: letters(4), still: n.random.IntN(100) < 28, aircraft: letters(4),
		remarks: "PBN/A1B1C1D1O1S2 DOF/241121 REG/" + letters(5) + " EET/" + letters(4) + "0030 OPR/" + letters(3) + " PER/C RMK/TCAS",
	}
	for range 4 + n.random.IntN(14) {
		r.route += letters(5) + " " + letters(2) + fmt.Sprint(n.random.IntN(900)) + " "
	}
	return r
}

// tick moves the network on by 15 s and returns its bodies.
func (n *network) tick() (body, transceivers []byte) {
	n.at = n.at.Add(15 * time.Second)
	if len(n.rows) > 50 { // about 0.2 % come and go
		for range 1 + len(n.rows)/500 {
			i := n.random.IntN(len(n.rows))
			n.rows = append(append(n.rows[:i:i], n.rows[i+1:]...), n.newRow())
		}
	}
	var b, t strings.Builder
	fmt.Fprintf(&b, `{"general":{"version":3,"update_timestamp":%q},"pilots":[`, n.at.Format("2006-01-02T15:04:05.0000000Z"))
	t.WriteByte('[')
	for i := range n.rows {
		r := &n.rows[i]
		if !r.still {
			r.lat += n.random.Float64() * 0.03
			r.lon += n.random.Float64() * 0.03
			r.altitude += n.random.IntN(400) - 200
			r.heading = (r.heading + n.random.IntN(3)) % 360
		}
		if i > 0 {
			b.WriteByte(',')
			t.WriteByte(',')
		}
		updated := n.at.Add(-time.Duration(n.random.IntN(15e9)))
		fmt.Fprintf(&b, `{"cid":%d,"name":"Pilot %d","callsign":%q,"server":"GERMANY-2","pilot_rating":1,"military_rating":0,"latitude":%.5f,"longitude":%.5f,"altitude":%d,"groundspeed":%d,"transponder":"%04d","heading":%d,"qnh_i_hg":29.92,"qnh_mb":1013,"flight_plan":{"flight_rules":"I","aircraft":"%s/M-SDE3FGHIRWY/LB1","aircraft_faa":"%s/L","aircraft_short":"%s","departure":%q,"arrival":%q,"alternate":"","cruise_tas":"450","altitude":"35000","deptime":"1155","enroute_time":"0130","fuel_time":"0300","remarks":%q,"route":%q,"revision_id":1,"assigned_transponder":"%04d"},"logon_time":%q,"last_updated":%q}`,
			r.cid, r.cid, r.callsign, r.lat, r.lon, r.altitude, r.speed, r.squawk, r.heading, r.aircraft, r.aircraft, r.aircraft,
			r.departure, r.arrival, r.remarks, r.route, r.squawk, r.logon.Format(time.RFC3339Nano), updated.Format("2006-01-02T15:04:05.0000000Z"))
		fmt.Fprintf(&t, `{"callsign":%q,"transceivers":[{"id":0,"frequency":122800000,"latDeg":%.13f,"lonDeg":%.13f,"heightMslM":%.4f,"heightAglM":%.4f}]}`,
			r.callsign, r.lat, r.lon, float64(r.altitude)*0.3048, float64(r.altitude)*0.3)
	}
	b.WriteString("]}")
	t.WriteByte(']')
	return []byte(b.String()), []byte(t.String())
}

// record is the network's next tick as a record.
func (n *network) record() Record {
	body, transceivers := n.tick()
	return Record{At: n.at, Tick: n.at, Received: n.at.Add(3 * time.Second), Network: body, Transceivers: transceivers}
}
