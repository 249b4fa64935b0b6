-- +goose Up

-- Which feed this database records. One row; another feed is refused.
CREATE TABLE source (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name     text NOT NULL
);

-- The newest projected snapshot. Every commit moves version by one and names
-- the version it read, so that a writer that lost a race is refused.
CREATE TABLE head (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version     bigint NOT NULL,
    snapshot    timestamptz,
    held_since  timestamptz,
    held_count  integer NOT NULL,
    pilot_count integer NOT NULL
);
INSERT INTO head (version, held_count, pilot_count) VALUES (0, 0, 0);

-- One row per projected snapshot. held_since, held_count and pilot_count are
-- the head's as of this snapshot: a rewind restores them. no is the snapshot's
-- ordinal within its hour, from 1, once the hour's positions are chunks; 0 when
-- its positions were dropped unchunked.
CREATE TABLE snapshots (
    at           timestamptz PRIMARY KEY,
    hour         timestamptz NOT NULL,
    no           smallint,
    received     timestamptz NOT NULL,
    bytes        integer NOT NULL,
    hash         bytea NOT NULL,
    clients      integer NOT NULL,
    unique_users integer NOT NULL,
    pilots       integer NOT NULL,
    controllers  integer NOT NULL,
    atis         integer NOT NULL,
    prefiles     integer NOT NULL,
    rejected     jsonb NOT NULL,
    duplicates   jsonb NOT NULL,
    drift        jsonb NOT NULL,
    suspicious   boolean NOT NULL,
    held_since   timestamptz,
    held_count   integer NOT NULL,
    pilot_count  integer NOT NULL
);
CREATE INDEX snapshots_hour_no ON snapshots (hour, no);
CREATE INDEX snapshots_unchunked ON snapshots (at) WHERE no IS NULL;

-- One row per 15-second tick. outcome: 1 missing, 2 malformed, 3 unchanged,
-- 4 late, 5 received; of two outcomes of a tick the greater stands.
CREATE TABLE ticks (
    tick     timestamptz PRIMARY KEY,
    outcome  smallint NOT NULL,
    reason   text NOT NULL,
    snapshot timestamptz,
    received timestamptz,
    bytes    integer NOT NULL,
    hash     bytea
);

-- advance_head is the first statement of a commit. Everything that makes a
-- commit void raises here, before anything is written: a replay leaves no
-- trace, not even in the statistics.
-- +goose StatementBegin
CREATE FUNCTION advance_head(
    expected bigint, at_snapshot timestamptz,
    new_held_since timestamptz, new_held_count integer, new_pilot_count integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    current_head head%ROWTYPE;
BEGIN
    SELECT * INTO STRICT current_head FROM head FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM snapshots s WHERE s.at = at_snapshot) THEN
        RAISE EXCEPTION 'snapshot % is projected already', at_snapshot USING ERRCODE = 'SK001';
    END IF;
    IF current_head.version <> expected THEN
        RAISE EXCEPTION 'head is at version %, not %', current_head.version, expected USING ERRCODE = 'SK002';
    END IF;
    IF at_snapshot <= current_head.snapshot THEN
        RAISE EXCEPTION 'snapshot % is older than the head''s %', at_snapshot, current_head.snapshot USING ERRCODE = 'SK003';
    END IF;
    UPDATE head SET version = expected + 1, snapshot = at_snapshot,
        held_since = new_held_since, held_count = new_held_count, pilot_count = new_pilot_count;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION advance_head;
DROP TABLE ticks, snapshots, head, source;
