package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/rawlog"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// moment is when the fixtures' first snapshot was made.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// body makes a network body of so many pilots, and one controller on a
// frequency and one observer beside them. Everyone climbs 500 feet a minute.
func body(t testing.TB, at time.Time, pilots int) []byte {
	t.Helper()
	type object = map[string]any
	stamp := at.Format(time.RFC3339Nano)
	minutes := at.Sub(moment).Minutes()
	rows := make([]object, pilots)
	for i := range rows {
		rows[i] = object{
			"cid": 1000000 + i, "name": fmt.Sprintf("Pilot %d", i), "callsign": fmt.Sprintf("TST%d", i), "server": "TEST",
			"pilot_rating": 0, "military_rating": 0, "latitude": 50 + float64(i%1000)/1000, "longitude": -10 + float64(i%2000)/100,
			"altitude": 10000 + int(500*minutes), "groundspeed": 420, "transponder": "2200", "heading": i % 360,
			"qnh_i_hg": 29.92, "qnh_mb": 1013, "logon_time": moment.Add(-time.Hour).Format(time.RFC3339Nano), "last_updated": stamp,
			"flight_plan": object{
				"flight_rules": "I", "aircraft": "B738/M", "aircraft_faa": "B738/L", "aircraft_short": "B738",
				"departure": "EGLL", "arrival": "EHAM", "alternate": "ZZZZ", "cruise_tas": "450", "altitude": "35000",
				"deptime": "1130", "enroute_time": "0100", "fuel_time": "0300", "remarks": "/V/",
				"route": fmt.Sprintf("BPK%d Q295 CLN L620 REDFA", i), "revision_id": 1, "assigned_transponder": "0000",
			},
		}
	}
	controller := func(cid int, callsign, frequency string, facility int) object {
		return object{
			"cid": cid, "name": "Control One", "callsign": callsign, "frequency": frequency, "facility": facility, "rating": 5,
			"server": "TEST", "visual_range": 100, "text_atis": nil, "last_updated": stamp,
			"logon_time": moment.Add(-time.Hour).Format(time.RFC3339Nano),
		}
	}
	raw, err := json.Marshal(object{
		"general": object{"version": 3, "update_timestamp": stamp, "connected_clients": pilots + 2, "unique_users": pilots + 2},
		"pilots":  rows, "controllers": []object{controller(1, "EGTT_CTR", "132.605", 6), controller(2, "XX_OBS", "199.998", 0)},
		"atis": []object{}, "servers": []object{}, "prefiles": []object{}, "facilities": []object{}, "ratings": []object{},
		"pilot_ratings": []object{}, "military_ratings": []object{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode(t testing.TB, raw []byte) *vatsim.Snapshot {
	t.Helper()
	snapshot, err := vatsim.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// view builds the view of one snapshot alone.
func view(t testing.TB, at time.Time, pilots int) *live.View {
	t.Helper()
	return live.Build(decode(t, body(t, at, pilots)), nil, nil, live.Meta{Source: "live", Received: at.Add(time.Second)})
}

// records is a log of the fixtures.
type records []rawlog.Record

func (r records) At(_ context.Context, at time.Time) (rawlog.Record, error) {
	for i := len(r) - 1; i >= 0; i-- {
		if !r[i].At.After(at) {
			return r[i], nil
		}
	}
	return rawlog.Record{}, fmt.Errorf("nothing at %s", at)
}

// durable is a head and a log that know the snapshots at the times given.
func durable(t testing.TB, pilots int, times ...time.Time) live.Durable {
	t.Helper()
	var log records
	for _, at := range times {
		log = append(log, rawlog.Record{At: at, Received: at.Add(time.Second), Network: body(t, at, pilots)})
	}
	return live.Durable{
		Log: log, Source: "live",
		Head: func(context.Context) (store.Head, error) {
			return store.Head{Snapshot: times[len(times)-1]}, nil
		},
	}
}

func constant(head store.Head) func(context.Context) (store.Head, error) {
	return func(context.Context) (store.Head, error) { return head, nil }
}
