package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// moment is a time in a column where NULL stands for the zero time.
type moment time.Time

// TimestamptzValue implements pgtype.TimestamptzValuer.
func (m moment) TimestamptzValue() (pgtype.Timestamptz, error) {
	t := time.Time(m)
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}, nil
}

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m *moment) ScanTimestamptz(value pgtype.Timestamptz) error {
	*m = moment{}
	if value.Valid {
		*m = moment(value.Time)
	}
	return nil
}

// column collects one field of every row, for unnest.
func column[R, V any](rows []R, field func(R) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}

// unmeasured is a figure in a column where NULL stands for −1.
type unmeasured float32

// ScanFloat64 implements pgtype.Float64Scanner.
func (u *unmeasured) ScanFloat64(value pgtype.Float8) error {
	*u = -1
	if value.Valid {
		*u = unmeasured(value.Float64)
	}
	return nil
}
