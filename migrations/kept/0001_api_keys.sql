-- +goose Up

-- Who may use the API beyond what is open. The key itself is shown once and
-- kept nowhere: hash is the SHA-256 of it. id is its public part, by which
-- people name it. expires and revoked are NULL for a key without an end.
CREATE TABLE api_keys (
    id        text PRIMARY KEY,
    name      text NOT NULL,
    hash      bytea NOT NULL UNIQUE,
    scopes    text[] NOT NULL,
    created   timestamptz NOT NULL,
    expires   timestamptz,
    revoked   timestamptz,
    last_used timestamptz
);

-- +goose Down
DROP TABLE api_keys;
