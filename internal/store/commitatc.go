package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// queueControllers writes what changes of controllers. Rows carry when they
// were decided first, and keep it.
func queueControllers(batch *pgx.Batch, c ControllerChanges) {
	queueDuties(batch, c.Duties)
	queueContacts(batch, c.Contacts)
	queueDutyTick(batch, c.Tick)
	queueStaffing(batch, c.Staffing)
	for _, seen := range c.Seen {
		batch.Queue(`INSERT INTO observed_hours (hour, minutes, decided) VALUES ($1, $2, $3)`, seen.Hour, seen.Minutes, seen.Decided)
	}
}

func queueDuties(batch *pgx.Batch, duties []Duty) {
	if len(duties) == 0 {
		return
	}
	duties = sorted(duties, func(d Duty) int64 { return d.ID })
	// Frequencies come as one row each: arrays of arrays must be of one length.
	var owners []int64
	var tuned []Tuned
	for _, d := range duties {
		for _, t := range d.Tuned {
			owners, tuned = append(owners, d.ID), append(tuned, t)
		}
	}
	batch.Queue(`INSERT INTO controller_duties (id, cid, callsign, facility, rating, airport, fir, sector, logon, began, away, ended, logons,
			site, latitude, longitude, handled, peak_aircraft, peak_workload, decided, frequency, tuned)
		SELECT d.*, coalesce(f.frequency, '{}'), coalesce(f.tuned, '{}')
		FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::smallint[], $5::smallint[], $6::text[], $7::text[], $8::text[],
			$9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::smallint[], $14::smallint[], $15::integer[], $16::integer[],
			$17::integer[], $18::smallint[], $19::smallint[], $20::timestamptz[]) AS d(id)
		LEFT JOIN (SELECT t.id, array_agg(t.frequency ORDER BY t.since) AS frequency, array_agg(t.since ORDER BY t.since) AS tuned
			FROM unnest($21::bigint[], $22::integer[], $23::timestamptz[]) AS t(id, frequency, since) GROUP BY t.id) AS f USING (id)
		ON CONFLICT (id) DO UPDATE SET rating = excluded.rating, airport = excluded.airport, fir = excluded.fir, sector = excluded.sector,
			away = excluded.away, ended = excluded.ended, logons = excluded.logons, site = excluded.site,
			latitude = excluded.latitude, longitude = excluded.longitude, handled = excluded.handled, peak_aircraft = excluded.peak_aircraft,
			peak_workload = excluded.peak_workload, frequency = excluded.frequency, tuned = excluded.tuned`,
		column(duties, func(d Duty) int64 { return d.ID }),
		column(duties, func(d Duty) int32 { return d.CID }),
		column(duties, func(d Duty) string { return d.Callsign }),
		column(duties, func(d Duty) int16 { return d.Facility }),
		column(duties, func(d Duty) int16 { return d.Rating }),
		column(duties, func(d Duty) string { return d.Airport }),
		column(duties, func(d Duty) string { return d.FIR }),
		column(duties, func(d Duty) string { return d.Sector }),
		column(duties, func(d Duty) time.Time { return d.Logon }),
		column(duties, func(d Duty) time.Time { return d.Began }),
		column(duties, func(d Duty) moment { return moment(d.Away) }),
		column(duties, func(d Duty) moment { return moment(d.Ended) }),
		column(duties, func(d Duty) int16 { return d.Logons }),
		column(duties, func(d Duty) int16 { return int16(d.Site.Source) }),
		column(duties, func(d Duty) int32 { return d.Site.Latitude }),
		column(duties, func(d Duty) int32 { return d.Site.Longitude }),
		handledColumn(duties, func(h *Handled) int32 { return h.Aircraft }),
		handledColumn(duties, func(h *Handled) int16 { return h.PeakAircraft }),
		handledColumn(duties, func(h *Handled) int16 { return h.PeakWorkload }),
		column(duties, func(d Duty) time.Time { return d.Decided }),
		owners,
		column(tuned, func(t Tuned) int32 { return t.Frequency }),
		column(tuned, func(t Tuned) time.Time { return t.Since }))
}

// handledColumn collects a figure of duties; NULL of those that have none.
func handledColumn[V any](duties []Duty, field func(*Handled) V) []*V {
	values := make([]*V, len(duties))
	for i := range duties {
		if duties[i].Handled != nil {
			value := field(duties[i].Handled)
			values[i] = &value
		}
	}
	return values
}

func queueContacts(batch *pgx.Batch, contacts []Contact) {
	if len(contacts) == 0 {
		return
	}
	batch.Queue(`INSERT INTO contacts (duty_id, cid, callsign, since, flight_id, frequency, until, decided)
		SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::timestamptz[], $5::bigint[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
		ON CONFLICT (duty_id, cid, callsign, since) DO UPDATE SET until = excluded.until`,
		column(contacts, func(c Contact) int64 { return c.DutyID }),
		column(contacts, func(c Contact) int32 { return c.CID }),
		column(contacts, func(c Contact) string { return c.Callsign }),
		column(contacts, func(c Contact) time.Time { return c.Since }),
		column(contacts, func(c Contact) int64 { return c.FlightID }),
		column(contacts, func(c Contact) int32 { return c.Frequency }),
		column(contacts, func(c Contact) moment { return moment(c.Until) }),
		column(contacts, func(c Contact) time.Time { return c.Decided }))
}

func queueDutyTick(batch *pgx.Batch, tick DutyTick) {
	if tick.At.IsZero() {
		return
	}
	batch.Queue(`INSERT INTO duty_ticks (at, duty_id, aircraft, workload) VALUES ($1, $2, $3, $4)`,
		tick.At, full(tick.Duty), full(tick.Aircraft), full(tick.Workload))
}

// full is an array that is not NULL.
func full[V any](values []V) []V {
	if values == nil {
		return []V{}
	}
	return values
}

func queueStaffing(batch *pgx.Batch, rows []Staffing) {
	if len(rows) == 0 {
		return
	}
	batch.Queue(`INSERT INTO staffed_hours (callsign, hour, facility, airport, fir, sector, minutes, decided)
		SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[])`,
		column(rows, func(r Staffing) string { return r.Callsign }),
		column(rows, func(r Staffing) time.Time { return r.Hour }),
		column(rows, func(r Staffing) int16 { return r.Facility }),
		column(rows, func(r Staffing) string { return r.Airport }),
		column(rows, func(r Staffing) string { return r.FIR }),
		column(rows, func(r Staffing) string { return r.Sector }),
		column(rows, func(r Staffing) int64 { return r.Minutes }),
		column(rows, func(r Staffing) time.Time { return r.Decided }))
}

// queueRewindControllers takes back what was decided after a time; the zero
// time is before everything.
func queueRewindControllers(batch *pgx.Batch, to time.Time) {
	for _, table := range []string{"controller_duties", "contacts", "staffed_hours", "observed_hours"} {
		batch.Queue(`DELETE FROM `+table+` WHERE decided > coalesce($1::timestamptz, '-infinity')`, moment(to))
	}
	batch.Queue(`DELETE FROM duty_ticks WHERE at > coalesce($1::timestamptz, '-infinity')`, moment(to))
}
