-- +goose Up

-- What each function did in each hour, one row per process, so that a process
-- may write its row again and again: the row is what it counted so far, never
-- an addition. Days later cleanup adds the processes of an hour up into the one
-- named ''. NULL is what could not be measured: functions that share a process
-- share its memory and its processor.
CREATE TABLE function_usage (
    hour              timestamptz NOT NULL,
    function          text NOT NULL,
    process           text NOT NULL,
    invocations       bigint NOT NULL,
    failures          bigint NOT NULL,
    timeouts          bigint NOT NULL,
    cold_starts       bigint,
    duration_ms       double precision NOT NULL,
    duration_max_ms   double precision NOT NULL,
    histogram         bigint[] NOT NULL,
    billed_ms         bigint,
    init_ms           double precision,
    init_max_ms       double precision,
    cpu_ms            double precision,
    gc_ms             double precision,
    peak_memory_bytes bigint,
    memory_mb         integer,
    PRIMARY KEY (hour, function, process)
);

-- How full something was in each hour: the last look counts. capacity is NULL
-- where nobody can tell it.
CREATE TABLE fill_samples (
    hour     timestamptz NOT NULL,
    what     text NOT NULL,
    used     bigint NOT NULL,
    capacity bigint,
    PRIMARY KEY (hour, what)
);

-- +goose Down
DROP TABLE function_usage, fill_samples;
