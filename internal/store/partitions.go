package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	day             = 24 * time.Hour
	partitionPrefix = "position_chunks_"
	partitionLayout = "20060102"
)

// EnsurePartitions makes the day partitions of position_chunks from the day of
// from to the given number of days after it, those that are missing. There is
// no default partition to fill silently.
func (s *Store) EnsurePartitions(ctx context.Context, from time.Time, days int) error {
	return s.transact(ctx, "store.EnsurePartitions", pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockHistory(ctx, tx); err != nil {
			return err
		}
		existing, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		first := from.UTC().Truncate(day)
		for offset := range days + 1 {
			first := first.Add(time.Duration(offset) * day)
			if _, exists := existing[first]; exists {
				continue
			}
			if err := makePartition(ctx, tx, first); err != nil {
				return err
			}
		}
		return nil
	})
}

// makePartition attaches a table made beside the parent: readers and writers
// of other days are not held up, as CREATE TABLE … PARTITION OF would.
// The target makes PostgreSQL compress a row of more than 2 kB as far as it
// goes, not just to 2 kB.
func makePartition(ctx context.Context, tx pgx.Tx, first time.Time) error {
	name := pgx.Identifier{partitionPrefix + first.Format(partitionLayout)}.Sanitize()
	for _, statement := range []string{
		fmt.Sprintf(`CREATE TABLE %s (LIKE position_chunks INCLUDING ALL) WITH (toast_tuple_target = 128)`, name),
		fmt.Sprintf(`ALTER TABLE position_chunks ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
			name, first.Format(time.RFC3339), first.Add(day).Format(time.RFC3339)),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// partitions returns the names of the day partitions by the start of their day.
func partitions(ctx context.Context, tx pgx.Tx) (map[time.Time]string, error) {
	rows, err := tx.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'position_chunks'::regclass`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	byDay := make(map[time.Time]string, len(names))
	for _, name := range names {
		first, err := time.Parse(partitionLayout, strings.TrimPrefix(name, partitionPrefix))
		if err != nil {
			return nil, fmt.Errorf("partition %q has no day in its name", name)
		}
		byDay[first] = name
	}
	return byDay, nil
}
