-- +goose Up

-- One row per member and position, across reconnects of at most five minutes;
-- ended is NULL while it goes on, away is when it was last seen while it may
-- come back. facility as in the feed, 2 DEL to 6 CTR and 1 FSS. site: 0 unknown,
-- 1 where its radios stand, 2 at its airport, 3 where a map writes the FIR's
-- name. handled, peak_* are NULL until it ends, and where no radios were known.
CREATE TABLE controller_duties (
    id            bigint PRIMARY KEY,
    decided       timestamptz NOT NULL,
    cid           integer NOT NULL,
    callsign      text NOT NULL,
    facility      smallint NOT NULL,
    rating        smallint NOT NULL,
    airport       text NOT NULL,
    fir           text NOT NULL,
    sector        text NOT NULL,
    logon         timestamptz NOT NULL,
    began         timestamptz NOT NULL,
    away          timestamptz,
    ended         timestamptz,
    logons        smallint NOT NULL,
    frequency     integer[] NOT NULL,
    tuned         timestamptz[] NOT NULL,
    site          smallint NOT NULL,
    latitude      integer NOT NULL,
    longitude     integer NOT NULL,
    handled       integer,
    peak_aircraft smallint,
    peak_workload smallint
);
CREATE INDEX controller_duties_decided ON controller_duties (decided);
CREATE INDEX controller_duties_began ON controller_duties (began);
-- Finds the open ones (NULL) and those that retention drops.
CREATE INDEX controller_duties_ended ON controller_duties (ended);
CREATE INDEX controller_duties_cid ON controller_duties (cid, began);
CREATE INDEX controller_duties_callsign ON controller_duties (callsign, began);
CREATE INDEX controller_duties_airport ON controller_duties (airport, began) WHERE airport <> '';
CREATE INDEX controller_duties_fir ON controller_duties (fir, began) WHERE fir <> '';

-- One row per aircraft and controller on one frequency and in range, from since
-- until until; NULL while it goes on.
CREATE TABLE contacts (
    duty_id   bigint NOT NULL,
    cid       integer NOT NULL,
    callsign  text NOT NULL,
    since     timestamptz NOT NULL,
    decided   timestamptz NOT NULL,
    flight_id bigint NOT NULL,
    frequency integer NOT NULL,
    until     timestamptz,
    PRIMARY KEY (duty_id, cid, callsign, since)
);
CREATE INDEX contacts_decided ON contacts (decided);
CREATE INDEX contacts_since ON contacts (since);
CREATE INDEX contacts_until ON contacts (until);
CREATE INDEX contacts_flight ON contacts (flight_id);
CREATE INDEX contacts_callsign ON contacts (callsign, since);

-- How busy each controller was, one row per snapshot, column by column.
CREATE TABLE duty_ticks (
    at       timestamptz PRIMARY KEY,
    duty_id  bigint[] NOT NULL,
    aircraft smallint[] NOT NULL,
    workload smallint[] NOT NULL
);
ALTER TABLE duty_ticks ALTER duty_id SET STORAGE MAIN, ALTER aircraft SET STORAGE MAIN, ALTER workload SET STORAGE MAIN;

-- In which minutes of an hour a callsign was staffed: bit m is minute m. Written
-- when the hour is over. Roll-ups: they outlive the duties.
CREATE TABLE staffed_hours (
    hour     timestamptz NOT NULL,
    callsign text NOT NULL,
    decided  timestamptz NOT NULL,
    facility smallint NOT NULL,
    airport  text NOT NULL,
    fir      text NOT NULL,
    sector   text NOT NULL,
    minutes  bigint NOT NULL,
    PRIMARY KEY (callsign, hour)
);
CREATE INDEX staffed_hours_decided ON staffed_hours (decided);
-- They carry what coverage reads, so that it needs the index alone.
CREATE INDEX staffed_hours_airport ON staffed_hours (airport, hour) INCLUDE (callsign, facility, minutes) WHERE airport <> '';
CREATE INDEX staffed_hours_fir ON staffed_hours (fir, hour) INCLUDE (callsign, facility, sector, minutes) WHERE fir <> '' AND airport = '';

-- In which minutes of an hour there was a snapshot that was believed.
CREATE TABLE observed_hours (
    hour    timestamptz PRIMARY KEY,
    decided timestamptz NOT NULL,
    minutes bigint NOT NULL
);

-- +goose Down
DROP TABLE observed_hours, staffed_hours, duty_ticks, contacts, controller_duties;
