package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// World is the embedded part of the reference data as rows.
type World struct {
	Hash      string // of the content
	Countries []WorldCountry
	Regions   []WorldRegion
	Airports  []WorldAirport
	Runways   []WorldRunway
}

// WorldCountry is a country.
type WorldCountry struct{ Code, Name, Continent string }

// WorldRegion is a part of a country.
type WorldRegion struct{ Code, Country, Name string }

// WorldAirport is an airport; empty texts become NULL where a code or name is
// not known.
type WorldAirport struct {
	ICAO, IATA, Name, City, Country, Region, TZ string

	Lat, Lon    float64
	ElevationFt int
}

// WorldRunway is a runway; No numbers those of an airport. What is nil is not
// known.
type WorldRunway struct {
	ICAO                string
	No                  int16
	LengthFt, WidthFt   *int
	Surface             string
	Lighted, Closed     bool
	LowIdent, HighIdent string
	Low, High           WorldRunwayEnd
}

// WorldRunwayEnd is where a runway begins.
type WorldRunwayEnd struct {
	Lat, Lon, Heading *float64
	DisplacedFt       int
}

// WorldHash returns the hash of the content that is stored, "" for none.
func (s *Store) WorldHash(ctx context.Context) (hash string, err error) {
	err = s.use(ctx, "store.WorldHash", func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT coalesce((SELECT hash FROM kept.world), '')`).Scan(&hash)
	})
	return hash, err
}

// PutWorld replaces the embedded part's rows, unless they are this content's
// already: all in one transaction, so that readers see the old or the new.
func (s *Store) PutWorld(ctx context.Context, world World, now time.Time) (stored bool, err error) {
	err = s.transact(ctx, "store.PutWorld", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		stored = false
		if err := lockReference(ctx, tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO kept.world (hash, stored) VALUES ($1, $2)
			ON CONFLICT (only_row) DO UPDATE SET hash = excluded.hash, stored = excluded.stored
			WHERE world.hash <> excluded.hash`, world.Hash, now)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		stored = true
		// DELETE and not TRUNCATE, which would lock readers out until the commit.
		if _, err := tx.Exec(ctx, `
			WITH a AS (DELETE FROM kept.airports), r AS (DELETE FROM kept.runways), c AS (DELETE FROM kept.countries)
			DELETE FROM kept.regions`); err != nil {
			return err
		}
		return copyWorld(ctx, tx, &world)
	})
	return stored && err == nil, err
}

// lockReference lets one transaction at a time change the reference data.
func lockReference(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, 0)`, lockReferenceData)
	return err
}

func copyWorld(ctx context.Context, tx pgx.Tx, world *World) error {
	if err := copyRows(ctx, tx, "countries", []string{"code", "name", "continent"}, world.Countries,
		func(c *WorldCountry) []any { return []any{c.Code, c.Name, c.Continent} }); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "regions", []string{"code", "country", "name"}, world.Regions,
		func(r *WorldRegion) []any { return []any{r.Code, r.Country, r.Name} }); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "airports",
		[]string{"icao", "iata", "name", "city", "country", "region", "tz", "lat", "lon", "elevation_ft"}, world.Airports,
		func(a *WorldAirport) []any {
			return []any{a.ICAO, known(a.IATA), a.Name, known(a.City), a.Country, known(a.Region), known(a.TZ), a.Lat, a.Lon, a.ElevationFt}
		}); err != nil {
		return err
	}
	return copyRows(ctx, tx, "runways",
		[]string{"icao", "no", "low_ident", "high_ident", "length_ft", "width_ft", "surface", "lighted", "closed",
			"low_lat", "low_lon", "low_heading", "low_displaced_ft", "high_lat", "high_lon", "high_heading", "high_displaced_ft"}, world.Runways,
		func(r *WorldRunway) []any {
			return []any{r.ICAO, r.No, r.LowIdent, known(r.HighIdent), r.LengthFt, r.WidthFt, known(r.Surface), r.Lighted, r.Closed,
				r.Low.Lat, r.Low.Lon, r.Low.Heading, r.Low.DisplacedFt, r.High.Lat, r.High.Lon, r.High.Heading, r.High.DisplacedFt}
		})
}

// known returns nil, which is NULL, for an empty text.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// copyRows copies rows into a table of the schema kept.
func copyRows[T any](ctx context.Context, tx pgx.Tx, table string, columns []string, rows []T, values func(*T) []any) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{KeptSchema, table}, columns,
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return values(&rows[i]), nil }))
	return err
}
