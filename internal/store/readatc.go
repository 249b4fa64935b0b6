package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// DutyQuery chooses duties. What is empty does not choose.
type DutyQuery struct {
	From, To time.Time // those that were on at some time of From <= t < To
	CID      int32
	Position string   // callsign, with or without the part that says which half
	Airport  string   // ICAO
	Areas    []string // FIRs, sectors and upper regions
	Open     bool     // those alone that go on
	Limit    int
}

// Duties returns duties by when they began.
func (s *Store) Duties(ctx context.Context, q DutyQuery) (found []Duty, err error) {
	err = s.use(ctx, "store.Duties", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, dutiesSQL, q.From, q.To, q.CID, q.Position, q.Airport, full(q.Areas), q.Open, q.Limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanDuty)
		return err
	})
	return found, err
}

// The index of ended finds those that go on and those that ended since From.
const dutiesSQL = `
SELECT id, decided, cid, callsign, facility, rating, airport, fir, sector, logon, began, away, ended, logons,
       frequency, tuned, site, latitude, longitude, handled, peak_aircraft, peak_workload
FROM controller_duties
WHERE began < $2 AND (ended IS NULL OR ended >= $1) AND ($3 = 0 OR cid = $3)
  AND ($4 = '' OR callsign = $4 OR regexp_replace(callsign, '_.*_', '_') = $4) AND ($5 = '' OR airport = $5)
  AND ($6::text[] = '{}' OR fir = ANY ($6) OR sector = ANY ($6)) AND (NOT $7 OR ended IS NULL)
ORDER BY began, id LIMIT $8`

func scanDuty(row pgx.CollectableRow) (Duty, error) {
	var d Duty
	var frequencies []int32
	var since []time.Time
	var aircraft *int32
	var peakAircraft, peakWorkload *int16
	err := row.Scan(&d.ID, &d.Decided, &d.CID, &d.Callsign, &d.Facility, &d.Rating, &d.Airport, &d.FIR, &d.Sector, &d.Logon, &d.Began,
		(*moment)(&d.Away), (*moment)(&d.Ended), &d.Logons, &frequencies, &since, &d.Site.Source, &d.Site.Latitude, &d.Site.Longitude,
		&aircraft, &peakAircraft, &peakWorkload)
	for i := range frequencies {
		d.Tuned = append(d.Tuned, Tuned{Since: since[i], Frequency: frequencies[i]})
	}
	if aircraft != nil && peakAircraft != nil && peakWorkload != nil {
		d.Handled = &Handled{*aircraft, *peakAircraft, *peakWorkload}
	}
	return d, err
}

// ContactQuery chooses contacts. What is empty does not choose.
type ContactQuery struct {
	From, To time.Time // those that were on at some time of From <= t < To
	CID      int32     // the pilot's
	Callsign string    // the pilot's
	FlightID int64
	Position string // the controller's callsign, with or without the part that says which half
	DutyID   int64
	Open     bool
	After    ContactKey // last of the page before; zero: the first page
	Limit    int
}

// ContactKey names a contact in the order of Contacts.
type ContactKey struct {
	Since    time.Time
	DutyID   int64
	CID      int32
	Callsign string
}

// ContactRow is a contact with its controller.
type ContactRow struct {
	Contact
	Controller    string // callsign
	ControllerCID int32
	Facility      int16
}

// longestContact bounds how far back a contact may have begun that is still on
// at From: the index of its beginning then finds it. Nobody flies longer.
const longestContact = 48 * time.Hour

// Contacts returns contacts by when they began.
func (s *Store) Contacts(ctx context.Context, q ContactQuery) (found []ContactRow, err error) {
	err = s.use(ctx, "store.Contacts", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, contactsSQL, q.From, q.To, q.From.Add(-longestContact), q.CID, q.Callsign, q.FlightID, q.Position, q.DutyID, q.Open,
			moment(q.After.Since), q.After.DutyID, q.After.CID, q.After.Callsign, q.Limit)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ContactRow, error) {
			var c ContactRow
			err := row.Scan(&c.DutyID, &c.CID, &c.Callsign, &c.FlightID, &c.Frequency, &c.Since, (*moment)(&c.Until), &c.Decided,
				&c.Controller, &c.ControllerCID, &c.Facility)
			return c, err
		})
		return err
	})
	return found, err
}

const contactsSQL = `
SELECT c.duty_id, c.cid, c.callsign, c.flight_id, c.frequency, c.since, c.until, c.decided, d.callsign, d.cid, d.facility
FROM contacts c JOIN controller_duties d ON d.id = c.duty_id
WHERE c.since < $2 AND c.since >= $3 AND (c.until IS NULL OR c.until >= $1)
  AND ($4 = 0 OR c.cid = $4) AND ($5 = '' OR c.callsign = $5) AND ($6::bigint = 0 OR c.flight_id = $6)
  AND ($7 = '' OR d.callsign = $7 OR regexp_replace(d.callsign, '_.*_', '_') = $7) AND ($8::bigint = 0 OR c.duty_id = $8) AND (NOT $9 OR c.until IS NULL)
  AND ($10::timestamptz IS NULL OR (c.since, c.duty_id, c.cid, c.callsign) > ($10, $11, $12, $13))
ORDER BY c.since, c.duty_id, c.cid, c.callsign LIMIT $14`

// CoverageQuery says whose staffing is asked for.
type CoverageQuery struct {
	From, To time.Time // hours that begin in From <= t < To
	Airport  string    // its own delivery to approach; "" for an area
	Position string    // of these, one position; "" all
	Whole    []string  // FIRs whose centres are its own
	Sectors  []string  // sectors whose centres are its own
	Over     []string  // FIRs, sectors and upper regions that cover it from above
}

// HourOfWeek sums up one hour of the week, from Monday 00:00 UTC on, in minutes.
type HourOfWeek struct {
	Hour     int // 0 to 167
	Observed int // that had a snapshot
	Staffed  int // of these, with somebody at a position of its own
	Covered  int // of these, with somebody there or above
}

// PositionStaffing sums up one position of a CoverageQuery.
type PositionStaffing struct {
	Position string
	Facility int16
	Own      bool // else it covers from above
	Staffed  int  // minutes
}

// staffingCTE are the hours of a CoverageQuery with who staffed them. Each half
// reads one index.
const staffingCTE = `
WITH staffing AS (
    SELECT hour, callsign, facility, minutes, facility BETWEEN 2 AND 5 AND ($4 = '' OR regexp_replace(callsign, '_.*_', '_') = $4) AS own
    FROM staffed_hours WHERE airport = $3 AND airport <> '' AND hour >= $1 AND hour < $2
    UNION ALL
    SELECT hour, callsign, facility, minutes, facility IN (1, 6) AND (fir = ANY ($5::text[]) OR sector = ANY ($6::text[]))
           AND ($4 = '' OR regexp_replace(callsign, '_.*_', '_') = $4)
    FROM staffed_hours WHERE fir <> '' AND airport = '' AND fir = ANY ($8::text[]) AND hour >= $1 AND hour < $2
      AND (fir = ANY ($5) OR sector = ANY ($6) OR sector = ANY ($7::text[]) OR sector = '' AND fir = ANY ($7))
)`

func (q CoverageQuery) arguments() []any {
	// The index is by FIR; a sector's begins with its FIR's id or is found by it.
	firs := append(append(append([]string{}, q.Whole...), q.Over...), q.Sectors...)
	return []any{q.From, q.To, q.Airport, q.Position, full(q.Whole), full(q.Sectors), full(q.Over), firs}
}

// Coverage returns the hours of the week that were observed at all, in order,
// and the positions that were staffed.
func (s *Store) Coverage(ctx context.Context, q CoverageQuery) (hours []HourOfWeek, positions []PositionStaffing, err error) {
	err = s.transact(ctx, "store.Coverage", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, coverageHoursSQL, q.arguments()...)
		if err != nil {
			return err
		}
		if hours, err = pgx.CollectRows(rows, pgx.RowToStructByPos[HourOfWeek]); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, coveragePositionsSQL, q.arguments()...); err != nil {
			return err
		}
		positions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PositionStaffing])
		return err
	})
	return hours, positions, err
}

const coverageHoursSQL = staffingCTE + `, united AS (
    SELECT hour, coalesce(bit_or(minutes) FILTER (WHERE own), 0) AS own, bit_or(minutes) AS any_of FROM staffing GROUP BY hour
)
SELECT ((extract(isodow FROM o.hour AT TIME ZONE 'UTC')::int - 1) * 24 + extract(hour FROM o.hour AT TIME ZONE 'UTC')::int) AS hour_of_week,
       sum(bit_count(o.minutes::bit(64)))::int, coalesce(sum(bit_count((u.own & o.minutes)::bit(64))), 0)::int,
       coalesce(sum(bit_count((u.any_of & o.minutes)::bit(64))), 0)::int
FROM observed_hours o LEFT JOIN united u ON u.hour = o.hour
WHERE o.hour >= $1 AND o.hour < $2
GROUP BY 1 ORDER BY 1`

const coveragePositionsSQL = staffingCTE + `, united AS (
    SELECT hour, regexp_replace(callsign, '_.*_', '_') AS position, facility, own, bit_or(minutes) AS minutes FROM staffing GROUP BY 1, 2, 3, 4
)
SELECT u.position, u.facility, u.own, sum(bit_count((u.minutes & o.minutes)::bit(64)))::int
FROM united u JOIN observed_hours o ON o.hour = u.hour
GROUP BY 1, 2, 3 ORDER BY 3 DESC, 4 DESC, 1`

// Loads are what is known of the network at the newest analysed snapshot.
type Loads struct {
	At       time.Time // zero when nothing is analysed
	Sectors  *int      // FIRs and sectors that hold an airborne aircraft; nil when FIRs were not known
	Workload map[LoadKey]int16
}

// LoadKey names a controller's connection.
type LoadKey struct {
	CID      int32
	Callsign string
}

// NewestLoads returns how busy controllers are, and how many FIRs and sectors
// hold somebody, at the newest analysed snapshot. One round trip: ingest asks at
// every tick.
func (s *Store) NewestLoads(ctx context.Context) (loads Loads, err error) {
	err = s.use(ctx, "store.NewestLoads", func(ctx context.Context, conn *pgx.Conn) error {
		loads = Loads{Workload: map[LoadKey]int16{}}
		batch := &pgx.Batch{}
		batch.Queue(newestSectorsSQL).QueryRow(func(row pgx.Row) error {
			return row.Scan((*moment)(&loads.At), &loads.Sectors)
		})
		batch.Queue(newestWorkloadSQL).Query(func(rows pgx.Rows) error {
			var key LoadKey
			var workload int16
			_, err := pgx.ForEachRow(rows, []any{&key.CID, &key.Callsign, &workload}, func() error {
				loads.Workload[key] = workload
				return nil
			})
			return err
		})
		return conn.SendBatch(ctx, batch).Close()
	})
	return loads, err
}

const newestSectorsSQL = `
SELECT a.snapshot, (SELECT (SELECT count(*)::int FROM unnest(t.occupancy) AS u(occupancy) WHERE u.occupancy > 0)
                    FROM sector_ticks t WHERE t.at = a.snapshot AND t.airspace > 0)
FROM analysis a`

const newestWorkloadSQL = `
SELECT d.cid, d.callsign, u.workload
FROM duty_ticks t CROSS JOIN LATERAL unnest(t.duty_id, t.workload) AS u(duty_id, workload)
JOIN controller_duties d ON d.id = u.duty_id WHERE t.at = (SELECT snapshot FROM analysis)`
