-- +goose Up

-- FIRs and sectors at one snapshot, column by column, by id; only of those that
-- hold an airborne aircraft, or that one came into or went out of since the
-- snapshot before. airspace 0: there were no FIRs, nothing is known. Not stored
-- in one piece: rows of 4 kB would leave half of each page empty.
CREATE TABLE sector_ticks (
    at        timestamptz PRIMARY KEY,
    airspace  integer NOT NULL,
    sector    text[] NOT NULL,
    occupancy smallint[] NOT NULL,
    entries   smallint[] NOT NULL,
    exits     smallint[] NOT NULL,
    workload  smallint[] NOT NULL
);

-- A quarter of an hour of an FIR or sector in which somebody was there. Written
-- when it is over. Roll-ups: they outlive the ticks.
CREATE TABLE sector_quarters (
    quarter       timestamptz NOT NULL,
    stay_s        bigint NOT NULL,
    decided       timestamptz NOT NULL,
    occupancy_sum integer NOT NULL,
    entries       integer NOT NULL,
    exits         integer NOT NULL,
    appeared      integer NOT NULL,
    vanished      integer NOT NULL,
    stays         integer NOT NULL,
    workload_sum  integer NOT NULL,
    ticks         smallint NOT NULL,
    first         smallint NOT NULL,
    occupancy_max smallint NOT NULL,
    workload_max  smallint NOT NULL,
    sector        text NOT NULL,
    PRIMARY KEY (sector, quarter)
);
-- Quarters come one after the other: these find the pages of one for next to nothing.
CREATE INDEX sector_quarters_decided ON sector_quarters USING brin (decided) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX sector_quarters_quarter ON sector_quarters USING brin (quarter) WITH (pages_per_range = 16, autosummarize = on);

-- +goose Down
DROP TABLE sector_quarters, sector_ticks;
