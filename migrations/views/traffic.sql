-- What the network did: made by the analysis, once a minute, from the log.

CREATE OR REPLACE VIEW skyledger.flight AS
SELECT f.id AS flight_id, f.cid, f.callsign,
       CASE WHEN f.callsign ~ '^[A-Z]{3}[0-9]' THEN left(f.callsign, 3) END AS airline,
       nullif(f.aircraft, '') AS aircraft, nullif(f.rules, '') AS flight_rules,
       nullif(f.filed_departure, '') AS filed_departure, nullif(f.filed_arrival, '') AS filed_arrival,
       nullif(f.filed_alternate, '') AS filed_alternate, nullif(f.deptime, '') AS filed_deptime, nullif(f.route, '') AS route,
       nullif(f.departure, '') AS departure, nullif(f.arrival, '') AS arrival,
       CASE f.phase WHEN 1 THEN 'preflight' WHEN 2 THEN 'taxi_out' WHEN 3 THEN 'departed' WHEN 4 THEN 'climb'
           WHEN 5 THEN 'cruise' WHEN 6 THEN 'descent' WHEN 7 THEN 'approach' WHEN 8 THEN 'landed' WHEN 9 THEN 'taxi_in'
           WHEN 10 THEN 'arrived' WHEN 11 THEN 'lost' END AS phase,
       CASE f.ending WHEN 0 THEN 'open' WHEN 1 THEN 'complete' WHEN 2 THEN 'probably_landed' WHEN 3 THEN 'lost'
           WHEN 4 THEN 'never_left' END AS ending,
       f.began, f.ended, f.scheduled, f.off_block, f.takeoff, f.landing, f.on_block,
       extract(epoch FROM f.on_block - f.off_block)::integer AS block_s,
       extract(epoch FROM f.landing - f.takeoff)::integer AS airborne_s,
       extract(epoch FROM f.takeoff - f.off_block)::integer AS taxi_out_s,
       extract(epoch FROM f.on_block - f.landing)::integer AS taxi_in_s,
       extract(epoch FROM coalesce(f.off_block, f.takeoff) - f.scheduled)::integer AS delay_s,
       f.distance_nm, f.direct_nm, f.teleports
FROM flights f;
COMMENT ON VIEW skyledger.flight IS 'One row per flight: one aircraft''s way from plan or take-off to landing or loss, across reconnects. The newest rows are as the analysis knows them; see skyledger.network_history for how far it is.';
COMMENT ON COLUMN skyledger.flight.flight_id IS 'the flight''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.flight.cid IS 'the pilot''s VATSIM id';
COMMENT ON COLUMN skyledger.flight.callsign IS 'callsign of its newest connection';
COMMENT ON COLUMN skyledger.flight.airline IS 'ICAO designator of the airline, of callsigns such as BAW123; NULL for others';
COMMENT ON COLUMN skyledger.flight.aircraft IS 'ICAO type as filed; NULL when none was';
COMMENT ON COLUMN skyledger.flight.flight_rules IS 'I or V, as filed';
COMMENT ON COLUMN skyledger.flight.filed_departure IS 'departure as filed, of the plan in force or the last that was; NULL when none';
COMMENT ON COLUMN skyledger.flight.filed_arrival IS 'destination as filed';
COMMENT ON COLUMN skyledger.flight.filed_alternate IS 'alternate as filed';
COMMENT ON COLUMN skyledger.flight.filed_deptime IS 'departure time as filed, hhmm';
COMMENT ON COLUMN skyledger.flight.route IS 'route as filed';
COMMENT ON COLUMN skyledger.flight.departure IS 'airport it took off from or stands at, by its position; NULL while not known';
COMMENT ON COLUMN skyledger.flight.arrival IS 'airport it landed at, by its position; NULL when it did not, or not known';
COMMENT ON COLUMN skyledger.flight.phase IS 'preflight, taxi_out, departed, climb, cruise, descent, approach, landed, taxi_in, arrived or lost';
COMMENT ON COLUMN skyledger.flight.ending IS 'open while it goes on; complete, probably_landed (gone on descent close to the filed destination), lost (gone in the air elsewhere) or never_left';
COMMENT ON COLUMN skyledger.flight.began IS 'first snapshot it was in';
COMMENT ON COLUMN skyledger.flight.ended IS 'last snapshot it was in; NULL while it is open';
COMMENT ON COLUMN skyledger.flight.scheduled IS 'the filed departure as a moment; NULL when it is not within three hours of the first move';
COMMENT ON COLUMN skyledger.flight.off_block IS 'when it began to move; NULL when that was not seen, as the next three';
COMMENT ON COLUMN skyledger.flight.takeoff IS 'when it took off';
COMMENT ON COLUMN skyledger.flight.landing IS 'when it landed';
COMMENT ON COLUMN skyledger.flight.on_block IS 'when it came to stand after the landing';
COMMENT ON COLUMN skyledger.flight.block_s IS 'seconds from off_block to on_block';
COMMENT ON COLUMN skyledger.flight.airborne_s IS 'seconds from takeoff to landing';
COMMENT ON COLUMN skyledger.flight.taxi_out_s IS 'seconds from off_block to takeoff';
COMMENT ON COLUMN skyledger.flight.taxi_in_s IS 'seconds from landing to on_block';
COMMENT ON COLUMN skyledger.flight.delay_s IS 'seconds from scheduled to off_block, or to takeoff where that was not seen; negative when early';
COMMENT ON COLUMN skyledger.flight.distance_nm IS 'nautical miles flown, gaps as great circles';
COMMENT ON COLUMN skyledger.flight.direct_nm IS 'great circle from take-off, or where it appeared, to landing, or where it was last seen, in nautical miles';
COMMENT ON COLUMN skyledger.flight.teleports IS 'jumps that no aircraft can make';

CREATE OR REPLACE VIEW skyledger.flight_leg AS
SELECT l.flight_id, l.began, l.ended, l.session_id FROM flight_legs l;
COMMENT ON VIEW skyledger.flight_leg IS 'One row per part of a flight under one connection.';
COMMENT ON COLUMN skyledger.flight_leg.flight_id IS 'see skyledger.flight';
COMMENT ON COLUMN skyledger.flight_leg.began IS 'first snapshot of the part';
COMMENT ON COLUMN skyledger.flight_leg.ended IS 'last snapshot of the part; of an open flight''s last one as far as was written';
COMMENT ON COLUMN skyledger.flight_leg.session_id IS 'the connection, see skyledger.pilot_session';

CREATE OR REPLACE VIEW skyledger.flight_gap AS
SELECT g.flight_id, g.began, g.ended, extract(epoch FROM g.ended - g.began)::integer AS seconds,
       g.distance_nm, g.airborne, g.teleport
FROM flight_gaps g;
COMMENT ON VIEW skyledger.flight_gap IS 'One row per part of a flight that nobody saw.';
COMMENT ON COLUMN skyledger.flight_gap.flight_id IS 'see skyledger.flight';
COMMENT ON COLUMN skyledger.flight_gap.began IS 'last snapshot before it';
COMMENT ON COLUMN skyledger.flight_gap.ended IS 'first snapshot after it';
COMMENT ON COLUMN skyledger.flight_gap.seconds IS 'its length';
COMMENT ON COLUMN skyledger.flight_gap.distance_nm IS 'great circle between the two positions in nautical miles';
COMMENT ON COLUMN skyledger.flight_gap.airborne IS 'whether it flew before it';
COMMENT ON COLUMN skyledger.flight_gap.teleport IS 'whether no aircraft covers the distance in the time';

CREATE OR REPLACE VIEW skyledger.movement AS
SELECT m.flight_id, m.at AS time,
       CASE m.kind WHEN 1 THEN 'departure' WHEN 2 THEN 'arrival' WHEN 3 THEN 'go_around' WHEN 4 THEN 'touch_and_go'
           WHEN 5 THEN 'diversion' END AS kind,
       nullif(m.airport, '') AS airport, nullif(m.runway, '') AS runway, m.callsign, nullif(m.aircraft, '') AS aircraft,
       nullif(m.origin, '') AS origin, nullif(m.destination, '') AS destination, nullif(m.planned, '') AS planned,
       m.error_s, m.confidence, m.altitude, m.groundspeed,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
               'time', m.at + (e.sample ->> 0)::float8 * interval '1 second',
               'lat', (e.sample ->> 1)::float8 / 100000, 'lon', (e.sample ->> 2)::float8 / 100000,
               'altitude', e.sample -> 3, 'groundspeed', e.sample -> 4, 'heading', e.sample -> 5) ORDER BY e.no), '[]')
        FROM jsonb_array_elements(m.evidence) WITH ORDINALITY AS e(sample, no)) AS evidence
FROM movements m;
COMMENT ON VIEW skyledger.movement IS 'One row per thing an aircraft did at an airport, found by its positions, with the samples that prove it.';
COMMENT ON COLUMN skyledger.movement.flight_id IS 'see skyledger.flight';
COMMENT ON COLUMN skyledger.movement.time IS 'midpoint of the snapshots that bracket it';
COMMENT ON COLUMN skyledger.movement.kind IS 'departure, arrival, go_around, touch_and_go or diversion; a diversion stands beside its arrival';
COMMENT ON COLUMN skyledger.movement.airport IS 'where; NULL where no airport is near';
COMMENT ON COLUMN skyledger.movement.runway IS 'such as 27L; NULL where not known';
COMMENT ON COLUMN skyledger.movement.callsign IS 'callsign at that time';
COMMENT ON COLUMN skyledger.movement.aircraft IS 'ICAO type as filed';
COMMENT ON COLUMN skyledger.movement.origin IS 'airport the flight took off from; NULL while not known';
COMMENT ON COLUMN skyledger.movement.destination IS 'filed destination at that time';
COMMENT ON COLUMN skyledger.movement.planned IS 'of arrivals and diversions, the destination filed in flight';
COMMENT ON COLUMN skyledger.movement.error_s IS 'the truth lies within so many seconds of time';
COMMENT ON COLUMN skyledger.movement.confidence IS '0 to 1, from sample density, distance, alignment and elevation';
COMMENT ON COLUMN skyledger.movement.altitude IS 'feet above mean sea level at the nearest sample';
COMMENT ON COLUMN skyledger.movement.groundspeed IS 'knots at the nearest sample';
COMMENT ON COLUMN skyledger.movement.evidence IS 'the samples around it, an array of objects with time, lat, lon, altitude, groundspeed, heading';

CREATE OR REPLACE VIEW skyledger.airport_quarter AS
SELECT q.airport, q.quarter, nullif(q.runway, '') AS runway, q.departures, q.arrivals, q.go_arounds, q.touch_and_goes, q.diversions,
       q.taxied_out, q.taxi_out_s, q.taxied_in, q.taxi_in_s, q.scheduled, q.delay_s
FROM airport_quarters q WHERE q.airport <> '';
COMMENT ON VIEW skyledger.airport_quarter IS 'Movements by airport, quarter of an hour and runway; quarters without any have no row.';
COMMENT ON COLUMN skyledger.airport_quarter.airport IS 'see skyledger.airport';
COMMENT ON COLUMN skyledger.airport_quarter.quarter IS 'start of the quarter of an hour';
COMMENT ON COLUMN skyledger.airport_quarter.runway IS 'such as 27L; NULL where not known';
COMMENT ON COLUMN skyledger.airport_quarter.departures IS 'take-offs';
COMMENT ON COLUMN skyledger.airport_quarter.arrivals IS 'landings';
COMMENT ON COLUMN skyledger.airport_quarter.go_arounds IS 'approaches broken off';
COMMENT ON COLUMN skyledger.airport_quarter.touch_and_goes IS 'landings that were take-offs at once';
COMMENT ON COLUMN skyledger.airport_quarter.diversions IS 'of the arrivals, those that had filed another airport';
COMMENT ON COLUMN skyledger.airport_quarter.taxied_out IS 'departures whose taxi time is known';
COMMENT ON COLUMN skyledger.airport_quarter.taxi_out_s IS 'seconds of taxiing, of those together';
COMMENT ON COLUMN skyledger.airport_quarter.taxied_in IS 'arrivals whose taxi time is known';
COMMENT ON COLUMN skyledger.airport_quarter.taxi_in_s IS 'seconds of taxiing, of those together';
COMMENT ON COLUMN skyledger.airport_quarter.scheduled IS 'departures with a filed time near the first move';
COMMENT ON COLUMN skyledger.airport_quarter.delay_s IS 'seconds that those were late, together; early ones count negative';

CREATE OR REPLACE VIEW skyledger.airport_day AS
SELECT d.airport, d.day, d.departures, d.arrivals, d.go_arounds, d.touch_and_goes, d.diversions
FROM airport_days d WHERE d.airport <> '';
COMMENT ON VIEW skyledger.airport_day IS 'Movements by airport and UTC day; days without any have no row.';
COMMENT ON COLUMN skyledger.airport_day.airport IS 'see skyledger.airport';
COMMENT ON COLUMN skyledger.airport_day.day IS 'midnight UTC that it begins with';
COMMENT ON COLUMN skyledger.airport_day.departures IS 'take-offs';
COMMENT ON COLUMN skyledger.airport_day.arrivals IS 'landings';
COMMENT ON COLUMN skyledger.airport_day.go_arounds IS 'approaches broken off';
COMMENT ON COLUMN skyledger.airport_day.touch_and_goes IS 'landings that were take-offs at once';
COMMENT ON COLUMN skyledger.airport_day.diversions IS 'of the arrivals, those that had filed another airport';

CREATE OR REPLACE VIEW skyledger.departure_hour AS
SELECT d.hour, CASE d.dimension WHEN 1 THEN 'route' WHEN 2 THEN 'aircraft' WHEN 3 THEN 'airline' END AS dimension,
       d.subject, d.departures
FROM departure_hours d;
COMMENT ON VIEW skyledger.departure_hour IS 'Departures by hour and what they had in common.';
COMMENT ON COLUMN skyledger.departure_hour.hour IS 'start of the hour';
COMMENT ON COLUMN skyledger.departure_hour.dimension IS 'route, aircraft or airline';
COMMENT ON COLUMN skyledger.departure_hour.subject IS 'EGLL-KJFK, an ICAO type, or ICAO''s three letters of an airline';
COMMENT ON COLUMN skyledger.departure_hour.departures IS 'take-offs';

CREATE OR REPLACE VIEW skyledger.network_history AS
SELECT a.at AS time, a.pilots, a.airborne, a.controllers, a.observers, a.atis, a.prefiles
FROM analyzed a;
COMMENT ON VIEW skyledger.network_history IS 'One row per snapshot that was analysed: how many were connected. The newest one is how far the analysis is.';
COMMENT ON COLUMN skyledger.network_history.time IS 'update_timestamp of the snapshot';
COMMENT ON COLUMN skyledger.network_history.pilots IS 'pilots connected';
COMMENT ON COLUMN skyledger.network_history.airborne IS 'of those, the ones in the air';
COMMENT ON COLUMN skyledger.network_history.controllers IS 'who control; observers and supervisors are not among them';
COMMENT ON COLUMN skyledger.network_history.observers IS 'observers and supervisors';
COMMENT ON COLUMN skyledger.network_history.atis IS 'ATIS stations';
COMMENT ON COLUMN skyledger.network_history.prefiles IS 'plans filed by who is not connected';
