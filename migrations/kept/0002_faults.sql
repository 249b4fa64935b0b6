-- +goose Up

-- What the processes tell of themselves: one row each. sequence is that of the
-- last batch it told; one that comes again is known by it. ended is NULL while
-- it lives, and for ever when it was killed: then it lost what it noted after
-- told.
CREATE TABLE processes (
    process  text PRIMARY KEY,
    function text NOT NULL,
    sequence bigint NOT NULL,
    started  timestamptz NOT NULL,
    told     timestamptz NOT NULL,
    ended    timestamptz
);
CREATE INDEX processes_told ON processes (told);

-- Failures by what they are. sample is one message, without names and secrets.
CREATE TABLE failures (
    function    text NOT NULL,
    fingerprint text NOT NULL,
    class       text NOT NULL,
    op          text NOT NULL,
    reason      text NOT NULL,
    refusal     boolean NOT NULL,
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    sample      text NOT NULL,
    request_id  text NOT NULL,
    PRIMARY KEY (function, fingerprint)
);

-- How often, in spans of five minutes.
CREATE TABLE failure_counts (
    bucket      timestamptz NOT NULL,
    function    text NOT NULL,
    fingerprint text NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (bucket, function, fingerprint)
);

-- Requests answered, in the same spans. status is HTTP's hundreds; durations
-- are counts in slots whose bounds internal/fault has.
CREATE TABLE request_counts (
    bucket    timestamptz NOT NULL,
    function  text NOT NULL,
    route     text NOT NULL,
    status    smallint NOT NULL,
    count     bigint NOT NULL,
    total_us  bigint NOT NULL,
    durations bigint[] NOT NULL,
    last      timestamptz NOT NULL,
    PRIMARY KEY (bucket, function, route, status)
);

-- What each process last said of its upstreams.
CREATE TABLE upstreams (
    process  text NOT NULL,
    upstream text NOT NULL,
    state    text NOT NULL,
    since    timestamptz NOT NULL,
    calls    bigint NOT NULL,
    attempts bigint NOT NULL,
    failures bigint NOT NULL,
    refused  bigint NOT NULL,
    opened   bigint NOT NULL,
    PRIMARY KEY (process, upstream)
);

-- +goose Down
DROP TABLE upstreams, request_counts, failure_counts, failures, processes;
