-- +goose Up

-- One row per connection of a member (and per prefile). last_seen is NULL while
-- the session is open. absent_since is set while a run of suspicious snapshots
-- hides it: when it was last seen.
CREATE TABLE sessions (
    id              bigint PRIMARY KEY,
    kind            smallint NOT NULL,
    cid             integer NOT NULL,
    callsign        text NOT NULL,
    logon_time      timestamptz,
    first_seen      timestamptz NOT NULL,
    last_seen       timestamptz,
    absent_since    timestamptz,
    server          text NOT NULL,
    facility        smallint NOT NULL,
    rating          smallint NOT NULL,
    visual_range    integer NOT NULL,
    pilot_rating    smallint NOT NULL,
    military_rating smallint NOT NULL,
    CONSTRAINT sessions_key UNIQUE NULLS NOT DISTINCT (kind, cid, callsign, logon_time)
);
-- Finds the open ones (NULL), those a rewind touches and those that retention drops.
CREATE INDEX sessions_last_seen ON sessions (last_seen);

-- A session was absent strictly between the two.
CREATE TABLE session_gaps (
    session_id   bigint NOT NULL,
    last_present timestamptz NOT NULL,
    next_present timestamptz NOT NULL,
    PRIMARY KEY (session_id, last_present)
);

CREATE TABLE flight_plans (
    session_id           bigint NOT NULL,
    since                timestamptz NOT NULL,
    hash                 bigint NOT NULL,
    flight_rules         text NOT NULL,
    aircraft             text NOT NULL,
    aircraft_faa         text NOT NULL,
    aircraft_short       text NOT NULL,
    departure            text NOT NULL,
    arrival              text NOT NULL,
    alternate            text NOT NULL,
    cruise_tas           text NOT NULL,
    altitude             text NOT NULL,
    deptime              text NOT NULL,
    enroute_time         text NOT NULL,
    fuel_time            text NOT NULL,
    remarks              text NOT NULL,
    route                text NOT NULL,
    revision_id          integer NOT NULL,
    assigned_transponder text NOT NULL,
    PRIMARY KEY (session_id, since)
);

CREATE TABLE frequencies (
    session_id bigint NOT NULL,
    since      timestamptz NOT NULL,
    frequency  integer NOT NULL,
    PRIMARY KEY (session_id, since)
);

CREATE TABLE atis_texts (
    session_id bigint NOT NULL,
    since      timestamptz NOT NULL,
    hash       bigint NOT NULL,
    code       text NOT NULL,
    text       text NOT NULL,
    PRIMARY KEY (session_id, since)
);

CREATE TABLE stations (
    session_id bigint NOT NULL,
    since      timestamptz NOT NULL,
    hash       bigint NOT NULL,
    latitude   integer NOT NULL,
    longitude  integer NOT NULL,
    height_msl integer NOT NULL,
    PRIMARY KEY (session_id, since)
);

-- open_sessions writes sessions as first seen at a snapshot. Those that are
-- there, closed, reopen: the gap since they were last seen is recorded and the
-- rest of the row stays as it was first seen. An id that belongs to another key
-- raises with the ids in the detail.
-- +goose StatementBegin
CREATE FUNCTION open_sessions(
    ids bigint[], kinds smallint[], cids integer[], callsigns text[], logon_times timestamptz[],
    seen timestamptz[], servers text[], facilities smallint[], ratings smallint[],
    visual_ranges integer[], pilot_ratings smallint[], military_ratings smallint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    collided text;
BEGIN
    SELECT string_agg(s.id::text, ',' ORDER BY s.id) INTO collided
    FROM unnest(ids, kinds, cids, callsigns, logon_times) AS o(id, kind, cid, callsign, logon_time)
    JOIN sessions s ON s.id = o.id
    WHERE (s.kind, s.cid, s.callsign) <> (o.kind, o.cid, o.callsign)
       OR s.logon_time IS DISTINCT FROM o.logon_time;
    IF collided IS NOT NULL THEN
        RAISE EXCEPTION 'session ids belong to other sessions' USING ERRCODE = 'SK004', DETAIL = collided;
    END IF;

    INSERT INTO session_gaps (session_id, last_present, next_present)
    SELECT s.id, s.last_seen, o.seen
    FROM unnest(ids, seen) AS o(id, seen)
    JOIN sessions s ON s.id = o.id
    WHERE s.last_seen < o.seen
    ORDER BY s.id;

    INSERT INTO sessions (id, kind, cid, callsign, logon_time, first_seen, server,
        facility, rating, visual_range, pilot_rating, military_rating)
    SELECT * FROM unnest(ids, kinds, cids, callsigns, logon_times, seen, servers,
        facilities, ratings, visual_ranges, pilot_ratings, military_ratings)
    ON CONFLICT (id) DO UPDATE SET last_seen = NULL, absent_since = NULL
    WHERE sessions.last_seen IS NOT NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION open_sessions;
DROP TABLE stations, atis_texts, frequencies, flight_plans, session_gaps, sessions;
