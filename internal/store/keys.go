package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// APIKey is a row of the keys that people were given. The key itself is kept
// nowhere.
type APIKey struct {
	ID       string // its public part
	Name     string // whose it is, in people's words
	Hash     []byte // SHA-256 of the whole key
	Scopes   []string
	Created  time.Time
	Expires  time.Time // zero: never
	Revoked  time.Time // zero: it holds
	LastUsed time.Time // zero: never; at most a minute behind while the key is in use
}

// AddAPIKey stores a new key. An id that is taken is fault.Conflict.
func (s *Store) AddAPIKey(ctx context.Context, key APIKey) error {
	const op = "store.AddAPIKey"
	return s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		done, err := conn.Exec(ctx, `
			INSERT INTO kept.api_keys (id, name, hash, scopes, created, expires)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`,
			key.ID, key.Name, key.Hash, key.Scopes, key.Created, moment(key.Expires))
		if err == nil && done.RowsAffected() == 0 {
			return fault.E(op, fault.Conflict, "key_exists", nil)
		}
		return err
	})
}

// APIKey returns the key of that id, revoked and expired ones as well.
// fault.NotFound when there is none.
func (s *Store) APIKey(ctx context.Context, id string) (APIKey, error) {
	return s.oneAPIKey(ctx, "store.APIKey", `
		SELECT id, name, hash, scopes, created, expires, revoked, last_used
		FROM kept.api_keys WHERE id = $1`, id)
}

// APIKeys returns every key, the oldest first.
func (s *Store) APIKeys(ctx context.Context) ([]APIKey, error) {
	var keys []APIKey
	err := s.use(ctx, "store.APIKeys", func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT id, name, hash, scopes, created, expires, revoked, last_used
			FROM kept.api_keys ORDER BY created, id`)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, scanAPIKey)
		return err
	})
	return keys, err
}

// RevokeAPIKey ends a key and returns it. One that was revoked before keeps the
// time of that. fault.NotFound when there is none of that id.
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at time.Time) (APIKey, error) {
	return s.oneAPIKey(ctx, "store.RevokeAPIKey", `
		UPDATE kept.api_keys SET revoked = coalesce(revoked, $2) WHERE id = $1
		RETURNING id, name, hash, scopes, created, expires, revoked, last_used`, id, at)
}

func (s *Store) oneAPIKey(ctx context.Context, op, sql string, arguments ...any) (APIKey, error) {
	var key APIKey
	err := s.use(ctx, op, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, arguments...)
		if err != nil {
			return err
		}
		if key, err = pgx.CollectExactlyOneRow(rows, scanAPIKey); errors.Is(err, pgx.ErrNoRows) {
			return fault.E(op, fault.NotFound, "no_key", nil)
		}
		return err
	})
	return key, err
}

// APIKeyUsed notes that a key was used, where what is noted is older than a
// minute: many processes may say so at once, and one of them writes.
func (s *Store) APIKeyUsed(ctx context.Context, id string, at time.Time) error {
	return s.use(ctx, "store.APIKeyUsed", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			UPDATE kept.api_keys SET last_used = $2::timestamptz
			WHERE id = $1 AND (last_used IS NULL OR last_used < $2::timestamptz - interval '1 minute')`, id, at)
		return err
	})
}

func scanAPIKey(row pgx.CollectableRow) (APIKey, error) {
	var key APIKey
	err := row.Scan(&key.ID, &key.Name, &key.Hash, &key.Scopes, &key.Created,
		(*moment)(&key.Expires), (*moment)(&key.Revoked), (*moment)(&key.LastUsed))
	return key, err
}
