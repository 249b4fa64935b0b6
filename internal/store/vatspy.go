package store

import (
	"context"
	"errors"
	"math"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
)

// VATSpyInForce returns the version in force; Version 0 when there is none.
func (s *Store) VATSpyInForce(ctx context.Context) (version VATSpyVersion, err error) {
	err = s.use(ctx, "store.VATSpyInForce", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, vatspyInForceSQL)
		if err != nil {
			return err
		}
		version, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[VATSpyVersion])
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return version, err
}

const vatspyInForceSQL = `
SELECT version, hash, source, coalesce(commit, ''), fetched, since, firs, uirs, airports, boundaries, skipped
FROM kept.vatspy_versions WHERE in_force`

// PutVATSpy brings a content into force, in one transaction: readers see the
// version before or this one, whole. A content in force already changes
// nothing, and one that was in force before and is still kept comes back as it
// is. Of the versions no longer in force the newest keep−1 stay.
func (s *Store) PutVATSpy(ctx context.Context, content *VATSpy, version VATSpyVersion, keep int) (stored bool, err error) {
	err = s.transact(ctx, "store.PutVATSpy", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		stored = false
		if err := lockReference(ctx, tx); err != nil {
			return err
		}
		var number int32
		var inForce bool
		err := tx.QueryRow(ctx, `SELECT version, in_force FROM kept.vatspy_versions WHERE hash = $1`, version.Hash).Scan(&number, &inForce)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if inForce {
			return nil
		}
		stored = true
		if _, err := tx.Exec(ctx, `UPDATE kept.vatspy_versions SET in_force = false WHERE in_force`); err != nil {
			return err
		}
		if number > 0 {
			_, err := tx.Exec(ctx, `UPDATE kept.vatspy_versions SET in_force = true, since = $2 WHERE version = $1`, number, version.Since)
			return err
		}
		if err := insertVATSpy(ctx, tx, content, version); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM kept.vatspy_versions WHERE version IN (
			    SELECT version FROM kept.vatspy_versions WHERE NOT in_force ORDER BY since DESC, version DESC OFFSET greatest($1::int - 1, 0))`, keep)
		return err
	})
	return stored && err == nil, err
}

func insertVATSpy(ctx context.Context, tx pgx.Tx, content *VATSpy, v VATSpyVersion) error {
	skipped, err := json.Marshal(content.Skipped, json.Deterministic(true))
	if err != nil {
		return err
	}
	var number int32
	if err := tx.QueryRow(ctx, `
		INSERT INTO kept.vatspy_versions (hash, source, commit, fetched, since, in_force, firs, uirs, airports, boundaries, skipped)
		VALUES ($1, $2, $3, $4, $5, true, $6, $7, $8, $9, $10) RETURNING version`,
		v.Hash, v.Source, known(v.Commit), v.Fetched, v.Since, len(content.FIRs), len(content.UIRs), len(content.Airports),
		len(content.Boundaries), string(skipped)).Scan(&number); err != nil {
		return err
	}
	numbered := func(i int, values ...any) []any { return append([]any{number, i}, values...) }
	if err := copyNumbered(ctx, tx, "vatspy_firs", []string{"id", "name", "callsign_prefix", "boundary"}, content.FIRs,
		func(i int, f *FIR) []any { return numbered(i, f.ID, f.Name, f.CallsignPrefix, f.Boundary) }); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "vatspy_uirs", []string{"version", "id", "name", "firs"}, content.UIRs,
		func(u *UIR) []any { return []any{number, u.ID, u.Name, u.FIRs} }); err != nil {
		return err
	}
	if err := copyNumbered(ctx, tx, "vatspy_airports", []string{"icao", "name", "lat", "lon", "local_code", "fir", "pseudo"}, content.Airports,
		func(i int, a *SpyAirport) []any {
			return numbered(i, a.ICAO, a.Name, a.Lat, a.Lon, a.LocalCode, a.FIR, a.Pseudo)
		}); err != nil {
		return err
	}
	return copyNumbered(ctx, tx, "vatspy_boundaries",
		[]string{"id", "oceanic", "region", "division", "label_lat", "label_lon", "west", "south", "east", "north", "shape"}, content.Boundaries,
		func(i int, b *Boundary) []any {
			shape, err := json.Marshal(b.Shape)
			if err != nil {
				shape = nil // NULL, which the column refuses: coordinates are finite, so this is a bug
			}
			return numbered(i, b.ID, b.Oceanic, b.Region, b.Division, place(b.LabelLat), place(b.LabelLon),
				b.Box.West, b.Box.South, b.Box.East, b.Box.North, shape)
		})
}

// copyNumbered copies rows under their version's and their own number.
func copyNumbered[T any](ctx context.Context, tx pgx.Tx, table string, columns []string, rows []T, values func(int, *T) []any) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{KeptSchema, table}, append([]string{"version", "no"}, columns...),
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return values(i, &rows[i]), nil }))
	return err
}

// place is a coordinate, or nil for one that nobody knows.
func place(degrees float64) *float64 {
	if math.IsNaN(degrees) {
		return nil
	}
	return &degrees
}

// VATSpyContent reads the content in force and its version, as of one moment;
// Version 0 when there is none. Skipped is in the version.
func (s *Store) VATSpyContent(ctx context.Context) (content VATSpy, version VATSpyVersion, err error) {
	err = s.transact(ctx, "store.VATSpyContent", snapshotRead(), func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, vatspyInForceSQL)
		if err != nil {
			return err
		}
		version, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[VATSpyVersion])
		if errors.Is(err, pgx.ErrNoRows) {
			content = VATSpy{}
			return nil
		}
		if err != nil {
			return err
		}
		return readVATSpy(ctx, tx, version.Version, &content)
	})
	return content, version, err
}

func readVATSpy(ctx context.Context, tx pgx.Tx, version int32, content *VATSpy) error {
	rows, err := tx.Query(ctx, `SELECT id, name, callsign_prefix, boundary FROM kept.vatspy_firs WHERE version = $1 ORDER BY no`, version)
	if err != nil {
		return err
	}
	if content.FIRs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FIR]); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, `SELECT id, name, firs FROM kept.vatspy_uirs WHERE version = $1 ORDER BY id`, version); err != nil {
		return err
	}
	if content.UIRs, err = pgx.CollectRows(rows, pgx.RowToStructByPos[UIR]); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, `
		SELECT icao, name, lat, lon, local_code, fir, pseudo FROM kept.vatspy_airports WHERE version = $1 ORDER BY no`, version); err != nil {
		return err
	}
	if content.Airports, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SpyAirport]); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, `
		SELECT id, oceanic, region, division, label_lat, label_lon, west, south, east, north, shape::text
		FROM kept.vatspy_boundaries WHERE version = $1 ORDER BY no`, version); err != nil {
		return err
	}
	content.Boundaries, err = pgx.CollectRows(rows, scanBoundary)
	return err
}

func scanBoundary(row pgx.CollectableRow) (b Boundary, err error) {
	var lat, lon *float64
	var shape []byte
	b.LabelLat, b.LabelLon = math.NaN(), math.NaN()
	err = row.Scan(&b.ID, &b.Oceanic, &b.Region, &b.Division, &lat, &lon, &b.Box.West, &b.Box.South, &b.Box.East, &b.Box.North, &shape)
	if err != nil {
		return b, err
	}
	if lat != nil && lon != nil {
		b.LabelLat, b.LabelLon = *lat, *lon
	}
	return b, json.Unmarshal(shape, &b.Shape)
}

// PutAirportFIRs replaces which FIR each airport lies in, unless that is known
// for this content of the world and this version already.
func (s *Store) PutAirportFIRs(ctx context.Context, world string, version int32, rows []AirportFIR) error {
	return s.transact(ctx, "store.PutAirportFIRs", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockReference(ctx, tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO kept.airport_firs_of (world, version) VALUES ($1, $2)
			ON CONFLICT (only_row) DO UPDATE SET world = excluded.world, version = excluded.version
			WHERE (airport_firs_of.world, airport_firs_of.version) IS DISTINCT FROM (excluded.world, excluded.version)`, world, version)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM kept.airport_firs`); err != nil {
			return err
		}
		return copyRows(ctx, tx, "airport_firs", []string{"icao", "fir"}, rows, func(r *AirportFIR) []any { return []any{r.ICAO, r.FIR} })
	})
}

// AirportFIRsOf says for which content of the world and which version it is
// known in which FIR each airport lies; "" and 0 for none.
func (s *Store) AirportFIRsOf(ctx context.Context) (world string, version int32, err error) {
	err = s.use(ctx, "store.AirportFIRsOf", func(ctx context.Context, conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT world, version FROM kept.airport_firs_of`).Scan(&world, &version)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return world, version, err
}

// PutReferenceCheck notes what an attempt to refresh the reference data came to.
func (s *Store) PutReferenceCheck(ctx context.Context, check ReferenceCheck) error {
	return s.use(ctx, "store.PutReferenceCheck", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			INSERT INTO kept.reference_check (at, outcome, reason, source) VALUES ($1, $2, $3, $4)
			ON CONFLICT (only_row) DO UPDATE SET at = excluded.at, outcome = excluded.outcome, reason = excluded.reason, source = excluded.source`,
			check.At, check.Outcome, check.Reason, check.Source)
		return err
	})
}

// LastReferenceCheck returns the last attempt to refresh; the zero value when
// there was none.
func (s *Store) LastReferenceCheck(ctx context.Context) (check ReferenceCheck, err error) {
	err = s.use(ctx, "store.LastReferenceCheck", func(ctx context.Context, conn *pgx.Conn) error {
		check = ReferenceCheck{}
		err := conn.QueryRow(ctx, `SELECT at, outcome, reason, source FROM kept.reference_check`).
			Scan((*moment)(&check.At), &check.Outcome, &check.Reason, &check.Source)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return check, err
}
