-- The network's history, from the tables of the log.

-- A run is expanded in the target list and not by a join of its own: nothing
-- then depends on the run but its rows, and they are joined with the snapshots
-- once, by hash. hour is a bare column of the chunks, so that a condition on it
-- leaves out whole partitions.
CREATE OR REPLACE VIEW skyledger.position_by_hour AS
SELECT date_trunc('hour', f.at, 'UTC') AS hour, f.at AS time, s.cid, s.callsign,
       p.latitude / 100000.0::float8 AS lat, p.longitude / 100000.0::float8 AS lon,
       p.altitude, p.groundspeed, p.heading, p.session_id
FROM position_frames f
CROSS JOIN LATERAL unnest(f.session_id, f.latitude, f.longitude, f.altitude, f.groundspeed, f.heading)
    AS p(session_id, latitude, longitude, altitude, groundspeed, heading)
JOIN sessions s ON s.id = p.session_id
UNION ALL
SELECT c.hour, n.at, s.cid, s.callsign,
       r.latitude / 100000.0::float8, r.longitude / 100000.0::float8,
       r.altitude, r.groundspeed, r.heading, c.session_id
FROM position_chunks c
JOIN sessions s ON s.id = c.session_id
CROSS JOIN LATERAL (
    SELECT u.*, generate_series(u.skipped + u.i, u.skipped + u.i + u.held - 1) AS no
    FROM unnest(c.skipped, c.held, c.latitude, c.longitude, c.altitude, c.groundspeed, c.heading)
        WITH ORDINALITY AS u(skipped, held, latitude, longitude, altitude, groundspeed, heading, i)
) AS r
JOIN snapshots n ON n.hour = c.hour AND n.no = r.no;

COMMENT ON VIEW skyledger.position_by_hour IS 'The rows of skyledger.position with the hour they are stored under: a condition on hour looks only into the days it needs.';
COMMENT ON COLUMN skyledger.position_by_hour.hour IS 'start of the hour, UTC, that time lies in';
COMMENT ON COLUMN skyledger.position_by_hour.time IS 'update_timestamp of the snapshot';
COMMENT ON COLUMN skyledger.position_by_hour.cid IS 'the pilot''s VATSIM id';
COMMENT ON COLUMN skyledger.position_by_hour.callsign IS 'the callsign flown under';
COMMENT ON COLUMN skyledger.position_by_hour.lat IS 'latitude in degrees, north positive, to 5 decimals';
COMMENT ON COLUMN skyledger.position_by_hour.lon IS 'longitude in degrees, east positive, to 5 decimals';
COMMENT ON COLUMN skyledger.position_by_hour.altitude IS 'feet above mean sea level';
COMMENT ON COLUMN skyledger.position_by_hour.groundspeed IS 'knots';
COMMENT ON COLUMN skyledger.position_by_hour.heading IS 'degrees, 0 to 359';
COMMENT ON COLUMN skyledger.position_by_hour.session_id IS 'the connection, see skyledger.pilot_session';

CREATE OR REPLACE VIEW skyledger.position AS
SELECT p.time, p.cid, p.callsign, p.lat, p.lon, p.altitude, p.groundspeed, p.heading, p.session_id
FROM skyledger.position_by_hour p;
COMMENT ON VIEW skyledger.position IS 'One row per pilot and snapshot, those standing still included. For a span of time read skyledger.positions(from, to): it looks only into the days it needs.';
COMMENT ON COLUMN skyledger.position.time IS 'update_timestamp of the snapshot';
COMMENT ON COLUMN skyledger.position.cid IS 'the pilot''s VATSIM id';
COMMENT ON COLUMN skyledger.position.callsign IS 'the callsign flown under';
COMMENT ON COLUMN skyledger.position.lat IS 'latitude in degrees, north positive, to 5 decimals';
COMMENT ON COLUMN skyledger.position.lon IS 'longitude in degrees, east positive, to 5 decimals';
COMMENT ON COLUMN skyledger.position.altitude IS 'feet above mean sea level';
COMMENT ON COLUMN skyledger.position.groundspeed IS 'knots';
COMMENT ON COLUMN skyledger.position.heading IS 'degrees, 0 to 359';
COMMENT ON COLUMN skyledger.position.session_id IS 'the connection, see skyledger.pilot_session';

-- Reads through the view and not the tables, so that whoever may read the view
-- may call it; the planner takes both apart.
CREATE OR REPLACE FUNCTION skyledger.positions(from_time timestamptz, to_time timestamptz)
RETURNS SETOF skyledger.position LANGUAGE sql STABLE ROWS 100000
BEGIN ATOMIC
    SELECT p.time, p.cid, p.callsign, p.lat, p.lon, p.altitude, p.groundspeed, p.heading, p.session_id
    FROM skyledger.position_by_hour p
    WHERE p.time >= from_time AND p.time < to_time
      AND p.hour > from_time - interval '1 hour' AND p.hour < to_time;
END;
COMMENT ON FUNCTION skyledger.positions(timestamptz, timestamptz) IS 'Rows of skyledger.position with from_time <= time < to_time; reads only the days it needs.';

CREATE OR REPLACE VIEW skyledger.pilot_session AS
SELECT s.id AS session_id, s.cid, s.callsign, s.logon_time, s.first_seen,
       coalesce(s.last_seen, s.absent_since, h.snapshot) AS last_seen,
       s.last_seen IS NULL AS online, s.server, s.pilot_rating, s.military_rating
FROM sessions s CROSS JOIN head h
WHERE s.kind = 1;
COMMENT ON VIEW skyledger.pilot_session IS 'One row per pilot connection: cid, callsign and logon time.';
COMMENT ON COLUMN skyledger.pilot_session.session_id IS 'the connection''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.pilot_session.cid IS 'the pilot''s VATSIM id';
COMMENT ON COLUMN skyledger.pilot_session.callsign IS 'the callsign flown under';
COMMENT ON COLUMN skyledger.pilot_session.logon_time IS 'when the pilot connected, as the feed says';
COMMENT ON COLUMN skyledger.pilot_session.first_seen IS 'the first snapshot it was in';
COMMENT ON COLUMN skyledger.pilot_session.last_seen IS 'the last snapshot it was in; for one online the newest snapshot';
COMMENT ON COLUMN skyledger.pilot_session.online IS 'whether it is still connected';
COMMENT ON COLUMN skyledger.pilot_session.server IS 'the network''s server';
COMMENT ON COLUMN skyledger.pilot_session.pilot_rating IS '0 NEW, 1 PPL, 3 IR, 7 CMEL, 15 ATPL, 31 FI, 63 FE';
COMMENT ON COLUMN skyledger.pilot_session.military_rating IS '0 M0, 1 M1, 3 M2, 7 M3, 15 M4';

CREATE OR REPLACE VIEW skyledger.controller_session AS
SELECT s.id AS session_id, s.cid, s.callsign, s.logon_time, s.first_seen,
       coalesce(s.last_seen, s.absent_since, h.snapshot) AS last_seen,
       s.last_seen IS NULL AS online, s.server, s.facility,
       CASE s.facility WHEN 0 THEN 'OBS' WHEN 1 THEN 'FSS' WHEN 2 THEN 'DEL' WHEN 3 THEN 'GND'
           WHEN 4 THEN 'TWR' WHEN 5 THEN 'APP' WHEN 6 THEN 'CTR' END AS facility_name,
       s.rating,
       CASE s.rating WHEN -1 THEN 'INAC' WHEN 0 THEN 'SUS' WHEN 1 THEN 'OBS' WHEN 2 THEN 'S1'
           WHEN 3 THEN 'S2' WHEN 4 THEN 'S3' WHEN 5 THEN 'C1' WHEN 6 THEN 'C2' WHEN 7 THEN 'C3'
           WHEN 8 THEN 'I1' WHEN 9 THEN 'I2' WHEN 10 THEN 'I3' WHEN 11 THEN 'SUP' WHEN 12 THEN 'ADM'
           END AS rating_name,
       s.visual_range
FROM sessions s CROSS JOIN head h
WHERE s.kind = 2;
COMMENT ON VIEW skyledger.controller_session IS 'One row per connection of a controller, observer or supervisor.';
COMMENT ON COLUMN skyledger.controller_session.session_id IS 'the connection''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.controller_session.cid IS 'the controller''s VATSIM id';
COMMENT ON COLUMN skyledger.controller_session.callsign IS 'the position staffed';
COMMENT ON COLUMN skyledger.controller_session.logon_time IS 'when the controller connected, as the feed says';
COMMENT ON COLUMN skyledger.controller_session.first_seen IS 'the first snapshot it was in';
COMMENT ON COLUMN skyledger.controller_session.last_seen IS 'the last snapshot it was in; for one online the newest snapshot';
COMMENT ON COLUMN skyledger.controller_session.online IS 'whether it is still connected';
COMMENT ON COLUMN skyledger.controller_session.server IS 'the network''s server';
COMMENT ON COLUMN skyledger.controller_session.facility IS 'kind of position, the feed''s number';
COMMENT ON COLUMN skyledger.controller_session.facility_name IS 'OBS, FSS, DEL, GND, TWR, APP or CTR; NULL for a number nobody knows';
COMMENT ON COLUMN skyledger.controller_session.rating IS 'the controller''s rating, the feed''s number';
COMMENT ON COLUMN skyledger.controller_session.rating_name IS 'INAC to ADM; NULL for a number nobody knows';
COMMENT ON COLUMN skyledger.controller_session.visual_range IS 'nautical miles';

CREATE OR REPLACE VIEW skyledger.atis_session AS
SELECT s.id AS session_id, s.cid, s.callsign, s.logon_time, s.first_seen,
       coalesce(s.last_seen, s.absent_since, h.snapshot) AS last_seen,
       s.last_seen IS NULL AS online, s.server
FROM sessions s CROSS JOIN head h
WHERE s.kind = 3;
COMMENT ON VIEW skyledger.atis_session IS 'One row per connection of an ATIS station.';
COMMENT ON COLUMN skyledger.atis_session.session_id IS 'the connection''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.atis_session.cid IS 'VATSIM id of the member who runs it';
COMMENT ON COLUMN skyledger.atis_session.callsign IS 'the station';
COMMENT ON COLUMN skyledger.atis_session.logon_time IS 'when it connected, as the feed says';
COMMENT ON COLUMN skyledger.atis_session.first_seen IS 'the first snapshot it was in';
COMMENT ON COLUMN skyledger.atis_session.last_seen IS 'the last snapshot it was in; for one online the newest snapshot';
COMMENT ON COLUMN skyledger.atis_session.online IS 'whether it is still connected';
COMMENT ON COLUMN skyledger.atis_session.server IS 'the network''s server';

CREATE OR REPLACE VIEW skyledger.prefile AS
SELECT s.id AS session_id, s.cid, s.callsign, s.first_seen,
       coalesce(s.last_seen, s.absent_since, h.snapshot) AS last_seen,
       s.last_seen IS NULL AS filed
FROM sessions s CROSS JOIN head h
WHERE s.kind = 4;
COMMENT ON VIEW skyledger.prefile IS 'One row per plan filed by somebody not connected under its callsign; the plan itself is in skyledger.flight_plan.';
COMMENT ON COLUMN skyledger.prefile.session_id IS 'the prefile''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.prefile.cid IS 'VATSIM id of the member who filed';
COMMENT ON COLUMN skyledger.prefile.callsign IS 'the callsign it was filed for';
COMMENT ON COLUMN skyledger.prefile.first_seen IS 'the first snapshot it was in';
COMMENT ON COLUMN skyledger.prefile.last_seen IS 'the last snapshot it was in; for one still filed the newest snapshot';
COMMENT ON COLUMN skyledger.prefile.filed IS 'whether it is still in the feed';

CREATE OR REPLACE VIEW skyledger.session_gap AS
SELECT g.session_id, s.cid, s.callsign, g.last_present, g.next_present
FROM session_gaps g JOIN sessions s ON s.id = g.session_id;
COMMENT ON VIEW skyledger.session_gap IS 'Times during which a session was not in the feed and came back under the same logon.';
COMMENT ON COLUMN skyledger.session_gap.session_id IS 'the session';
COMMENT ON COLUMN skyledger.session_gap.cid IS 'the member''s VATSIM id';
COMMENT ON COLUMN skyledger.session_gap.callsign IS 'the session''s callsign';
COMMENT ON COLUMN skyledger.session_gap.last_present IS 'the last snapshot before the gap that it was in';
COMMENT ON COLUMN skyledger.session_gap.next_present IS 'the first snapshot after the gap that it was in';

CREATE OR REPLACE VIEW skyledger.flight_plan AS
SELECT p.session_id, s.cid, s.callsign, s.kind = 4 AS prefiled, p.since, p.flight_rules,
       p.aircraft, p.aircraft_faa, p.aircraft_short, p.departure, p.arrival, p.alternate,
       p.cruise_tas, p.altitude, p.deptime, p.enroute_time, p.fuel_time, p.remarks, p.route,
       p.revision_id, p.assigned_transponder
FROM flight_plans p JOIN sessions s ON s.id = p.session_id;
COMMENT ON VIEW skyledger.flight_plan IS 'Every revision of every plan, as filed; one is in force from since until the session''s next one.';
COMMENT ON COLUMN skyledger.flight_plan.session_id IS 'the pilot''s session, or the prefile';
COMMENT ON COLUMN skyledger.flight_plan.cid IS 'VATSIM id of the member who filed';
COMMENT ON COLUMN skyledger.flight_plan.callsign IS 'the callsign it is filed for';
COMMENT ON COLUMN skyledger.flight_plan.prefiled IS 'whether it was filed by somebody not connected';
COMMENT ON COLUMN skyledger.flight_plan.since IS 'the first snapshot with this revision';
COMMENT ON COLUMN skyledger.flight_plan.flight_rules IS 'I, V, and D or S';
COMMENT ON COLUMN skyledger.flight_plan.aircraft IS 'ICAO type with equipment';
COMMENT ON COLUMN skyledger.flight_plan.aircraft_faa IS 'type in the FAA''s format';
COMMENT ON COLUMN skyledger.flight_plan.aircraft_short IS 'type alone';
COMMENT ON COLUMN skyledger.flight_plan.departure IS 'airport code as filed';
COMMENT ON COLUMN skyledger.flight_plan.arrival IS 'airport code as filed';
COMMENT ON COLUMN skyledger.flight_plan.alternate IS 'airport code as filed';
COMMENT ON COLUMN skyledger.flight_plan.cruise_tas IS 'true airspeed as filed, free text';
COMMENT ON COLUMN skyledger.flight_plan.altitude IS 'cruising level as filed, free text';
COMMENT ON COLUMN skyledger.flight_plan.deptime IS 'departure time as filed, hhmm';
COMMENT ON COLUMN skyledger.flight_plan.enroute_time IS 'time en route as filed, hhmm';
COMMENT ON COLUMN skyledger.flight_plan.fuel_time IS 'endurance as filed, hhmm';
COMMENT ON COLUMN skyledger.flight_plan.remarks IS 'remarks as filed, without the pilot''s name';
COMMENT ON COLUMN skyledger.flight_plan.route IS 'route as filed';
COMMENT ON COLUMN skyledger.flight_plan.revision_id IS 'the feed''s count of amendments';
COMMENT ON COLUMN skyledger.flight_plan.assigned_transponder IS 'squawk that a controller assigned; empty when none';

CREATE OR REPLACE VIEW skyledger.frequency AS
SELECT f.session_id, s.cid, s.callsign, f.since, f.frequency AS frequency_khz,
       round(f.frequency / 1000.0, 3) AS frequency_mhz
FROM frequencies f JOIN sessions s ON s.id = f.session_id;
COMMENT ON VIEW skyledger.frequency IS 'Primary frequencies of controllers and ATIS stations; one is in force from since until the session''s next one. Not set is never recorded.';
COMMENT ON COLUMN skyledger.frequency.session_id IS 'the controller''s session';
COMMENT ON COLUMN skyledger.frequency.cid IS 'the controller''s VATSIM id';
COMMENT ON COLUMN skyledger.frequency.callsign IS 'the position';
COMMENT ON COLUMN skyledger.frequency.since IS 'the first snapshot with this frequency';
COMMENT ON COLUMN skyledger.frequency.frequency_khz IS 'kilohertz';
COMMENT ON COLUMN skyledger.frequency.frequency_mhz IS 'megahertz to 3 decimals';

CREATE OR REPLACE VIEW skyledger.atis AS
SELECT a.session_id, s.cid, s.callsign, a.since, a.code, a.text
FROM atis_texts a JOIN sessions s ON s.id = a.session_id;
COMMENT ON VIEW skyledger.atis IS 'Every text an ATIS station or controller sent; one is in force from since until the session''s next one.';
COMMENT ON COLUMN skyledger.atis.session_id IS 'the station''s session';
COMMENT ON COLUMN skyledger.atis.cid IS 'VATSIM id of the member who runs it';
COMMENT ON COLUMN skyledger.atis.callsign IS 'the station';
COMMENT ON COLUMN skyledger.atis.since IS 'the first snapshot with this text';
COMMENT ON COLUMN skyledger.atis.code IS 'the information letter; empty when none was ever sent';
COMMENT ON COLUMN skyledger.atis.text IS 'lines joined by line feeds';

CREATE OR REPLACE VIEW skyledger.station AS
SELECT t.session_id, s.cid, s.callsign, t.since,
       t.latitude / 100000.0::float8 AS lat, t.longitude / 100000.0::float8 AS lon, t.height_msl
FROM stations t JOIN sessions s ON s.id = t.session_id;
COMMENT ON VIEW skyledger.station IS 'Where a controller''s radios stand, from the radio feed; in force from since until the session''s next one.';
COMMENT ON COLUMN skyledger.station.session_id IS 'the controller''s session';
COMMENT ON COLUMN skyledger.station.cid IS 'the controller''s VATSIM id';
COMMENT ON COLUMN skyledger.station.callsign IS 'the position';
COMMENT ON COLUMN skyledger.station.since IS 'the first snapshot with this place';
COMMENT ON COLUMN skyledger.station.lat IS 'latitude in degrees, north positive';
COMMENT ON COLUMN skyledger.station.lon IS 'longitude in degrees, east positive';
COMMENT ON COLUMN skyledger.station.height_msl IS 'metres above mean sea level';

CREATE OR REPLACE VIEW skyledger.feed_ledger AS
SELECT t.tick,
       CASE t.outcome WHEN 1 THEN 'missing' WHEN 2 THEN 'malformed' WHEN 3 THEN 'unchanged'
           WHEN 4 THEN 'late' WHEN 5 THEN 'received' END AS outcome,
       t.reason, t.snapshot AS snapshot_time, t.received AS received_at,
       extract(epoch FROM t.received - t.snapshot)::float8 AS age,
       t.bytes, encode(t.hash, 'hex') AS hash,
       s.pilots, s.controllers, s.atis, s.prefiles, s.rejected, s.duplicates, s.drift, s.suspicious,
       (SELECT name FROM source) AS source
FROM ticks t LEFT JOIN snapshots s ON s.at = t.snapshot;
COMMENT ON VIEW skyledger.feed_ledger IS 'One row per 15-second tick: what became of it and what it brought.';
COMMENT ON COLUMN skyledger.feed_ledger.tick IS 'start of the tick';
COMMENT ON COLUMN skyledger.feed_ledger.outcome IS 'received, unchanged, late, missing or malformed';
COMMENT ON COLUMN skyledger.feed_ledger.reason IS 'why, where the outcome does not say it all';
COMMENT ON COLUMN skyledger.feed_ledger.snapshot_time IS 'update_timestamp of the snapshot it brought or confirmed';
COMMENT ON COLUMN skyledger.feed_ledger.received_at IS 'when the answer had arrived, by our clock';
COMMENT ON COLUMN skyledger.feed_ledger.age IS 'seconds from update_timestamp to arrival';
COMMENT ON COLUMN skyledger.feed_ledger.bytes IS 'size of the body';
COMMENT ON COLUMN skyledger.feed_ledger.hash IS 'SHA-256 of the body, hexadecimal';
COMMENT ON COLUMN skyledger.feed_ledger.pilots IS 'pilots stored from the snapshot';
COMMENT ON COLUMN skyledger.feed_ledger.controllers IS 'controllers stored, observers included';
COMMENT ON COLUMN skyledger.feed_ledger.atis IS 'ATIS stations stored';
COMMENT ON COLUMN skyledger.feed_ledger.prefiles IS 'prefiles stored';
COMMENT ON COLUMN skyledger.feed_ledger.rejected IS 'rows refused, by reason';
COMMENT ON COLUMN skyledger.feed_ledger.duplicates IS 'rows dropped because a better one of the same cid and callsign exists, by kind';
COMMENT ON COLUMN skyledger.feed_ledger.drift IS 'what was odd and accepted, by kind of oddity';
COMMENT ON COLUMN skyledger.feed_ledger.suspicious IS 'far fewer pilots than before: not believed at once';
COMMENT ON COLUMN skyledger.feed_ledger.source IS 'the feed this database records';
