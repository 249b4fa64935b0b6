-- +goose Up

-- How far the analysis is. Every commit of it moves version by one and names
-- the version it read: a writer that lost a race, or was frozen, is refused.
CREATE TABLE analysis (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL,
    snapshot timestamptz
);
INSERT INTO analysis (version) VALUES (0);

-- One row per analysed snapshot: the network's figures, and what they were made
-- with. A snapshot that comes late is one that is projected and not in here.
CREATE TABLE analyzed (
    at          timestamptz PRIMARY KEY,
    airspace    integer NOT NULL,
    pilots      integer NOT NULL,
    airborne    integer NOT NULL,
    controllers integer NOT NULL,
    observers   integer NOT NULL,
    atis        integer NOT NULL,
    prefiles    integer NOT NULL
);

-- Everything that analysis remembers after a snapshot. What is newer is
-- computed again from the log. Some of the newest are kept.
CREATE TABLE checkpoints (
    at    timestamptz PRIMARY KEY,
    state bytea NOT NULL
);
ALTER TABLE checkpoints ALTER state SET STORAGE EXTERNAL; -- compressed already

-- decided, here and below: the snapshot whose commit wrote the row first. A
-- rewind deletes what was decided after its target and writes again what was
-- open there; a row that is closed never changes.
CREATE TABLE flights (
    id              bigint PRIMARY KEY,
    decided         timestamptz NOT NULL,
    cid             integer NOT NULL,
    callsign        text NOT NULL,
    began           timestamptz NOT NULL,
    ended           timestamptz,
    phase           smallint NOT NULL,
    ending          smallint NOT NULL,
    filed_departure text NOT NULL,
    filed_arrival   text NOT NULL,
    filed_alternate text NOT NULL,
    aircraft        text NOT NULL,
    rules           text NOT NULL,
    deptime         text NOT NULL,
    route           text NOT NULL,
    scheduled       timestamptz,
    departure       text NOT NULL,
    arrival         text NOT NULL,
    off_block       timestamptz,
    takeoff         timestamptz,
    landing         timestamptz,
    on_block        timestamptz,
    distance_nm     real,
    direct_nm       real,
    teleports       integer NOT NULL
);
CREATE INDEX flights_decided ON flights (decided);
CREATE INDEX flights_began ON flights (began);
CREATE INDEX flights_open ON flights (filed_arrival, filed_departure) WHERE ending = 0;
CREATE INDEX flights_cid ON flights (cid, began);
CREATE INDEX flights_departure ON flights (departure, takeoff) WHERE departure <> '';
CREATE INDEX flights_arrival ON flights (arrival, landing) WHERE arrival <> '';

CREATE TABLE flight_legs (
    flight_id  bigint NOT NULL,
    began      timestamptz NOT NULL,
    decided    timestamptz NOT NULL,
    session_id bigint NOT NULL,
    ended      timestamptz NOT NULL,
    PRIMARY KEY (flight_id, began)
);
CREATE INDEX flight_legs_decided ON flight_legs (decided);
CREATE INDEX flight_legs_session ON flight_legs (session_id);

CREATE TABLE flight_gaps (
    flight_id   bigint NOT NULL,
    began       timestamptz NOT NULL,
    decided     timestamptz NOT NULL,
    ended       timestamptz NOT NULL,
    distance_nm real NOT NULL,
    airborne    boolean NOT NULL,
    teleport    boolean NOT NULL,
    PRIMARY KEY (flight_id, began)
);
CREATE INDEX flight_gaps_decided ON flight_gaps (decided);

-- What an aircraft did at an airport. Never changed once written. evidence is an
-- array of samples, each of them seconds from at, latitude and longitude in 1e-5
-- degrees, feet, knots, degrees.
CREATE TABLE movements (
    flight_id   bigint NOT NULL,
    at          timestamptz NOT NULL,
    kind        smallint NOT NULL,
    decided     timestamptz NOT NULL,
    airport     text NOT NULL,
    runway      text NOT NULL,
    callsign    text NOT NULL,
    aircraft    text NOT NULL,
    origin      text NOT NULL,
    destination text NOT NULL,
    planned     text NOT NULL,
    error_s     real NOT NULL,
    confidence  real NOT NULL,
    altitude    integer NOT NULL,
    groundspeed smallint NOT NULL,
    evidence    jsonb NOT NULL,
    PRIMARY KEY (flight_id, at, kind)
);
CREATE INDEX movements_airport ON movements (airport, at);
CREATE INDEX movements_decided ON movements (decided);

-- Movements by airport, runway and quarter of an hour, counted again from
-- movements and flights whenever one of those changes.
CREATE TABLE airport_quarters (
    airport      text NOT NULL,
    quarter      timestamptz NOT NULL,
    runway       text NOT NULL,
    departures   integer NOT NULL,
    arrivals     integer NOT NULL,
    go_arounds   integer NOT NULL,
    touch_and_goes integer NOT NULL,
    diversions   integer NOT NULL,
    taxied_out   integer NOT NULL,
    taxi_out_s   integer NOT NULL,
    taxied_in    integer NOT NULL,
    taxi_in_s    integer NOT NULL,
    scheduled    integer NOT NULL,
    delay_s      integer NOT NULL,
    PRIMARY KEY (airport, quarter, runway)
);
CREATE INDEX airport_quarters_quarter ON airport_quarters (quarter);

-- Departures by hour and what they had in common: a route, a type, an airline.
CREATE TABLE departure_hours (
    hour       timestamptz NOT NULL,
    dimension  smallint NOT NULL,
    subject    text NOT NULL,
    departures integer NOT NULL,
    PRIMARY KEY (hour, dimension, subject)
);

-- advance_analysis is the first statement of a commit, see advance_head. The
-- snapshot must be projected: one that a rewind took away is refused.
-- +goose StatementBegin
CREATE FUNCTION advance_analysis(expected bigint, at_snapshot timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    current_row analysis%ROWTYPE;
BEGIN
    SELECT * INTO STRICT current_row FROM analysis FOR NO KEY UPDATE;
    IF current_row.version <> expected THEN
        RAISE EXCEPTION 'analysis is at version %, not %', current_row.version, expected USING ERRCODE = 'SK002';
    END IF;
    IF at_snapshot <= current_row.snapshot THEN
        RAISE EXCEPTION 'snapshot % is analysed already', at_snapshot USING ERRCODE = 'SK001';
    END IF;
    IF NOT EXISTS (SELECT FROM snapshots s WHERE s.at = at_snapshot) THEN
        RAISE EXCEPTION 'snapshot % is not projected', at_snapshot USING ERRCODE = 'SK003';
    END IF;
    UPDATE analysis SET version = expected + 1, snapshot = at_snapshot;
END
$$;
-- +goose StatementEnd

-- recount_quarters counts the movements of quarters of an hour at airports anew.
-- A taxi time belongs to the movement it leads to or follows, a delay is from
-- the filed time to the first move, or to the take-off where that was not seen.
-- +goose StatementBegin
CREATE FUNCTION recount_quarters(airports text[], quarters timestamptz[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM airport_quarters q USING unnest(airports, quarters) AS t(airport, quarter)
    WHERE q.airport = t.airport AND q.quarter = t.quarter;

    INSERT INTO airport_quarters (airport, quarter, runway, departures, arrivals, go_arounds, touch_and_goes, diversions,
        taxied_out, taxi_out_s, taxied_in, taxi_in_s, scheduled, delay_s)
    SELECT t.airport, t.quarter, m.runway,
           count(*) FILTER (WHERE m.kind = 1), count(*) FILTER (WHERE m.kind = 2), count(*) FILTER (WHERE m.kind = 3),
           count(*) FILTER (WHERE m.kind = 4), count(*) FILTER (WHERE m.kind = 5),
           count(*) FILTER (WHERE o.taxi_out >= 0), coalesce(sum(o.taxi_out) FILTER (WHERE o.taxi_out >= 0), 0),
           count(*) FILTER (WHERE o.taxi_in >= 0), coalesce(sum(o.taxi_in) FILTER (WHERE o.taxi_in >= 0), 0),
           count(o.delay), coalesce(sum(o.delay), 0)
    FROM (SELECT DISTINCT u.airport, u.quarter FROM unnest(airports, quarters) AS u(airport, quarter)) AS t
    JOIN movements m ON m.airport = t.airport AND m.at >= t.quarter AND m.at < t.quarter + interval '15 minutes'
    LEFT JOIN flights f ON f.id = m.flight_id
    CROSS JOIN LATERAL (SELECT
        CASE WHEN m.kind = 1 AND m.at = f.takeoff THEN extract(epoch FROM f.takeoff - f.off_block)::integer END AS taxi_out,
        CASE WHEN m.kind = 2 AND m.at = f.landing THEN extract(epoch FROM f.on_block - f.landing)::integer END AS taxi_in,
        CASE WHEN m.kind = 1 AND m.at = f.takeoff THEN extract(epoch FROM coalesce(f.off_block, f.takeoff) - f.scheduled)::integer END AS delay
    ) AS o
    GROUP BY t.airport, t.quarter, m.runway;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION recount_quarters;
DROP FUNCTION advance_analysis;
DROP TABLE departure_hours, airport_quarters, movements, flight_gaps, flight_legs, flights, checkpoints, analyzed, analysis;
