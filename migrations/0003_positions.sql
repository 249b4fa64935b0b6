-- +goose Up

-- The positions of one snapshot, column by column, until its hour is chunked.
-- UNLOGGED: after a crash the table is empty and the log fills it again. Not
-- compressed: a row lives for an hour or so.
CREATE UNLOGGED TABLE position_frames (
    at          timestamptz PRIMARY KEY,
    session_id  bigint[] NOT NULL,
    latitude    integer[] NOT NULL,
    longitude   integer[] NOT NULL,
    altitude    integer[] NOT NULL,
    groundspeed smallint[] NOT NULL,
    heading     smallint[] NOT NULL,
    squawk      smallint[] NOT NULL
);
ALTER TABLE position_frames
    ALTER session_id SET STORAGE EXTERNAL,
    ALTER latitude SET STORAGE EXTERNAL,
    ALTER longitude SET STORAGE EXTERNAL,
    ALTER altitude SET STORAGE EXTERNAL,
    ALTER groundspeed SET STORAGE EXTERNAL,
    ALTER heading SET STORAGE EXTERNAL,
    ALTER squawk SET STORAGE EXTERNAL;

-- One row per session and hour. Element i is a run: consecutive snapshots of
-- the hour in which the session was there with these very values. The run's
-- first snapshot has the ordinal skipped[i] + i (i from 1), and it lasted for
-- held[i] snapshots. Ordinals less the index, and not ordinals, because they
-- are all the same while an aircraft moves, which compresses to nothing.
-- Partitions (one per UTC day) are made by the program.
-- MAIN keeps a row in one piece, compressed: no second table to look into.
CREATE TABLE position_chunks (
    session_id  bigint NOT NULL,
    hour        timestamptz NOT NULL,
    skipped     smallint[] NOT NULL,
    held        smallint[] NOT NULL,
    latitude    integer[] NOT NULL,
    longitude   integer[] NOT NULL,
    altitude    integer[] NOT NULL,
    groundspeed smallint[] NOT NULL,
    heading     smallint[] NOT NULL,
    squawk      smallint[] NOT NULL,
    PRIMARY KEY (session_id, hour)
) PARTITION BY RANGE (hour);
ALTER TABLE position_chunks
    ALTER skipped SET STORAGE MAIN,
    ALTER held SET STORAGE MAIN,
    ALTER latitude SET STORAGE MAIN,
    ALTER longitude SET STORAGE MAIN,
    ALTER altitude SET STORAGE MAIN,
    ALTER groundspeed SET STORAGE MAIN,
    ALTER heading SET STORAGE MAIN,
    ALTER squawk SET STORAGE MAIN;
-- Hours arrive one after the other: this finds the pages of one for next to nothing.
CREATE INDEX position_chunks_hour ON position_chunks USING brin (hour) WITH (pages_per_range = 32, autosummarize = on);

-- +goose Down
DROP TABLE position_chunks, position_frames;
