-- +goose Up

-- The statements that the program timed. shape has no values in it; text is the
-- statement as the program sends it, NULL where it is too long to keep. The
-- program's constants are in text, never what people asked for: their own
-- statements are not timed here.
CREATE TABLE statements (
    fingerprint bigint PRIMARY KEY,
    shape       text NOT NULL,
    text        text,
    first_seen  timestamptz NOT NULL
);

-- What a process spent on a statement in an hour of the wall, as the caller saw
-- it: sending, waiting and reading included. A row is what was counted so far,
-- so that writing it twice changes nothing. Later the processes of an hour are
-- added up into the one named ''.
CREATE TABLE statement_timings (
    hour        timestamptz NOT NULL,
    fingerprint bigint NOT NULL,
    process     text NOT NULL,
    calls       bigint NOT NULL,
    errors      bigint NOT NULL,
    rows        bigint NOT NULL,
    total_ms    double precision NOT NULL,
    max_ms      double precision NOT NULL,
    PRIMARY KEY (hour, fingerprint, process)
);

-- The plans of the statements that cost most, as of the last look; findings
-- says in words what is expensive about each. method is how it was explained
-- without values; problem is why it was not.
CREATE TABLE statement_plans (
    fingerprint bigint PRIMARY KEY,
    shape       text NOT NULL,
    source      text NOT NULL,
    calls       bigint NOT NULL,
    mean_ms     double precision NOT NULL,
    total_ms    double precision NOT NULL,
    explained   timestamptz NOT NULL,
    method      text NOT NULL,
    executed    boolean NOT NULL,
    cost        double precision,
    plan        jsonb,
    findings    jsonb NOT NULL,
    problem     text
);

-- Indexes that were tried without being built, as of the last look: what each
-- would change, statement by statement.
CREATE TABLE index_advice (
    definition  text PRIMARY KEY,
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    columns     text[] NOT NULL,
    tested      timestamptz NOT NULL,
    method      text NOT NULL,
    recommended boolean NOT NULL,
    reason      text NOT NULL,
    bytes       bigint,
    writes      bigint,
    writes_since timestamptz,
    evidence    jsonb NOT NULL
);

-- How the last look went, one row: which sources it had.
CREATE TABLE advisor_looks (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at       timestamptz NOT NULL,
    sources  jsonb NOT NULL
);

-- The database's own figures, one row a look. Those named total count since
-- stats_reset; NULL is what this role may not see.
CREATE TABLE database_samples (
    at                     timestamptz PRIMARY KEY,
    stats_reset            timestamptz,
    database_bytes         bigint NOT NULL,
    blocks_hit_total       bigint NOT NULL,
    blocks_read_total      bigint NOT NULL,
    commits_total          bigint NOT NULL,
    rollbacks_total        bigint NOT NULL,
    temp_files_total       bigint NOT NULL,
    temp_bytes_total       bigint NOT NULL,
    deadlocks_total        bigint NOT NULL,
    connections            integer NOT NULL,
    max_connections        integer NOT NULL,
    active                 integer,
    idle_in_transaction    integer,
    longest_transaction_s  double precision,
    live_rows              bigint NOT NULL,
    dead_rows              bigint NOT NULL,
    xid_age                bigint NOT NULL,
    oldest_vacuum_s        double precision
);

-- +goose Down
DROP TABLE statements, statement_timings, statement_plans, index_advice, advisor_looks, database_samples;
