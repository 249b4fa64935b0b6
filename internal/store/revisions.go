package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/vatsim"
)

// A session that was away for a snapshot comes back as a stranger to the
// projector, which then reports what is in force anew: the statements below
// write only what differs from a session's newest revision.

func queuePlans(batch *pgx.Batch, plans []PlanRevision) {
	if len(plans) == 0 {
		return
	}
	plans = sorted(plans, func(r PlanRevision) int64 { return r.SessionID })
	text := func(field func(vatsim.FlightPlan) string) []string {
		return column(plans, func(r PlanRevision) string { return field(r.Plan) })
	}
	batch.Queue(`INSERT INTO flight_plans (session_id, since, hash, flight_rules, aircraft, aircraft_faa,
			aircraft_short, departure, arrival, alternate, cruise_tas, altitude, deptime, enroute_time,
			fuel_time, remarks, route, revision_id, assigned_transponder)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::text[],
			$7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
			$15::text[], $16::text[], $17::text[], $18::integer[], $19::text[]) AS n(session_id, since, hash)
		WHERE n.hash IS DISTINCT FROM (
			SELECT p.hash FROM flight_plans p WHERE p.session_id = n.session_id ORDER BY p.since DESC LIMIT 1)`,
		column(plans, func(r PlanRevision) int64 { return r.SessionID }),
		column(plans, func(r PlanRevision) time.Time { return r.Since }),
		column(plans, func(r PlanRevision) int64 { return r.Hash }),
		text(func(p vatsim.FlightPlan) string { return p.FlightRules }),
		text(func(p vatsim.FlightPlan) string { return p.Aircraft }),
		text(func(p vatsim.FlightPlan) string { return p.AircraftFAA }),
		text(func(p vatsim.FlightPlan) string { return p.AircraftShort }),
		text(func(p vatsim.FlightPlan) string { return p.Departure }),
		text(func(p vatsim.FlightPlan) string { return p.Arrival }),
		text(func(p vatsim.FlightPlan) string { return p.Alternate }),
		text(func(p vatsim.FlightPlan) string { return p.CruiseTAS }),
		text(func(p vatsim.FlightPlan) string { return p.Altitude }),
		text(func(p vatsim.FlightPlan) string { return p.Deptime }),
		text(func(p vatsim.FlightPlan) string { return p.EnrouteTime }),
		text(func(p vatsim.FlightPlan) string { return p.FuelTime }),
		text(func(p vatsim.FlightPlan) string { return p.Remarks }),
		text(func(p vatsim.FlightPlan) string { return p.Route }),
		column(plans, func(r PlanRevision) int32 { return r.Plan.RevisionID }),
		text(func(p vatsim.FlightPlan) string { return p.AssignedTransponder }))
}

func queueFrequencies(batch *pgx.Batch, rows []FrequencyRevision) {
	if len(rows) == 0 {
		return
	}
	rows = sorted(rows, func(r FrequencyRevision) int64 { return r.SessionID })
	batch.Queue(`INSERT INTO frequencies (session_id, since, frequency)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::integer[]) AS n(session_id, since, frequency)
		WHERE n.frequency IS DISTINCT FROM (
			SELECT f.frequency FROM frequencies f WHERE f.session_id = n.session_id ORDER BY f.since DESC LIMIT 1)`,
		column(rows, func(r FrequencyRevision) int64 { return r.SessionID }),
		column(rows, func(r FrequencyRevision) time.Time { return r.Since }),
		column(rows, func(r FrequencyRevision) int32 { return r.Frequency }))
}

func queueATIS(batch *pgx.Batch, rows []ATISRevision) {
	if len(rows) == 0 {
		return
	}
	rows = sorted(rows, func(r ATISRevision) int64 { return r.SessionID })
	batch.Queue(`INSERT INTO atis_texts (session_id, since, hash, code, text)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[])
			AS n(session_id, since, hash, code, text)
		WHERE NOT EXISTS (
			SELECT FROM (SELECT a.hash, a.code FROM atis_texts a
				WHERE a.session_id = n.session_id ORDER BY a.since DESC LIMIT 1) a
			WHERE a.hash = n.hash AND n.code IN ('', a.code))`,
		column(rows, func(r ATISRevision) int64 { return r.SessionID }),
		column(rows, func(r ATISRevision) time.Time { return r.Since }),
		column(rows, func(r ATISRevision) int64 { return r.Hash }),
		column(rows, func(r ATISRevision) string { return r.Code }),
		column(rows, func(r ATISRevision) string { return r.Text }))
}

func queueStations(batch *pgx.Batch, rows []StationRevision) {
	if len(rows) == 0 {
		return
	}
	rows = sorted(rows, func(r StationRevision) int64 { return r.SessionID })
	batch.Queue(`INSERT INTO stations (session_id, since, hash, latitude, longitude, height_msl)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[])
			AS n(session_id, since, hash)
		WHERE n.hash IS DISTINCT FROM (
			SELECT t.hash FROM stations t WHERE t.session_id = n.session_id ORDER BY t.since DESC LIMIT 1)`,
		column(rows, func(r StationRevision) int64 { return r.SessionID }),
		column(rows, func(r StationRevision) time.Time { return r.Since }),
		column(rows, func(r StationRevision) int64 { return r.Hash }),
		column(rows, func(r StationRevision) int32 { return r.Latitude }),
		column(rows, func(r StationRevision) int32 { return r.Longitude }),
		column(rows, func(r StationRevision) int32 { return r.HeightMSL }))
}
