-- Who controlled what, whom they spoke to, how busy they were.

CREATE OR REPLACE VIEW skyledger.controller_duty AS
SELECT d.id, d.cid, d.callsign, regexp_replace(d.callsign, '_.*_', '_') AS position,
       CASE d.facility WHEN 1 THEN 'FSS' WHEN 2 THEN 'DEL' WHEN 3 THEN 'GND' WHEN 4 THEN 'TWR' WHEN 5 THEN 'APP' WHEN 6 THEN 'CTR' END AS facility,
       d.rating, nullif(d.airport, '') AS airport, nullif(d.fir, '') AS fir, nullif(d.sector, '') AS sector,
       d.logon, d.began, d.away, d.ended, d.logons, d.frequency AS frequency_khz, d.tuned,
       CASE WHEN d.site > 0 THEN d.latitude / 100000.0::float8 END AS lat, CASE WHEN d.site > 0 THEN d.longitude / 100000.0::float8 END AS lon,
       CASE d.site WHEN 1 THEN 'radios' WHEN 2 THEN 'airport' WHEN 3 THEN 'fir' END AS place,
       d.handled, d.peak_aircraft, d.peak_workload
FROM controller_duties d;
COMMENT ON VIEW skyledger.controller_duty IS 'One row per member and position: sessions merged across reconnects of at most five minutes. Observers and supervisors are not in it. FIRs are VAT-Spy''s (CC BY-SA 4.0).';
COMMENT ON COLUMN skyledger.controller_duty.id IS 'the duty''s id, the same in every rebuild';
COMMENT ON COLUMN skyledger.controller_duty.cid IS 'the member''s VATSIM id';
COMMENT ON COLUMN skyledger.controller_duty.callsign IS 'as logged on, such as EGLL_N_TWR';
COMMENT ON COLUMN skyledger.controller_duty.position IS 'without the part that says which half: EGLL_TWR';
COMMENT ON COLUMN skyledger.controller_duty.facility IS 'FSS, DEL, GND, TWR, APP or CTR';
COMMENT ON COLUMN skyledger.controller_duty.rating IS 'of the newest connection, see /api/vatsim/ratings';
COMMENT ON COLUMN skyledger.controller_duty.airport IS 'ICAO code that the callsign belongs to; NULL for centres and the like';
COMMENT ON COLUMN skyledger.controller_duty.fir IS 'the FIR or upper region; NULL where not known';
COMMENT ON COLUMN skyledger.controller_duty.sector IS 'the part of the FIR that the callsign has; NULL for all of it';
COMMENT ON COLUMN skyledger.controller_duty.logon IS 'logon of the first connection, by the feed';
COMMENT ON COLUMN skyledger.controller_duty.began IS 'first snapshot';
COMMENT ON COLUMN skyledger.controller_duty.away IS 'last snapshot, while the member is gone and may come back; NULL else';
COMMENT ON COLUMN skyledger.controller_duty.ended IS 'last snapshot; NULL while it goes on';
COMMENT ON COLUMN skyledger.controller_duty.logons IS 'connections it is made of';
COMMENT ON COLUMN skyledger.controller_duty.frequency_khz IS 'frequencies in kilohertz, by time; not set is none';
COMMENT ON COLUMN skyledger.controller_duty.tuned IS 'since when each of them';
COMMENT ON COLUMN skyledger.controller_duty.lat IS 'latitude of its place in degrees; NULL where not known';
COMMENT ON COLUMN skyledger.controller_duty.lon IS 'longitude of it';
COMMENT ON COLUMN skyledger.controller_duty.place IS 'how the place is known: radios, airport, or fir for where a map writes the FIR''s name';
COMMENT ON COLUMN skyledger.controller_duty.handled IS 'contacts it had; NULL while it goes on, and where no radios were known';
COMMENT ON COLUMN skyledger.controller_duty.peak_aircraft IS 'most aircraft at once; NULL likewise';
COMMENT ON COLUMN skyledger.controller_duty.peak_workload IS 'highest workload index, 0 to 100; NULL likewise';

CREATE OR REPLACE VIEW skyledger.contact AS
SELECT c.duty_id, d.callsign AS controller, d.cid AS controller_cid, c.cid, c.callsign, c.flight_id,
       c.frequency AS frequency_khz, c.since, c.until
FROM contacts c JOIN controller_duties d ON d.id = c.duty_id;
COMMENT ON VIEW skyledger.contact IS 'Which aircraft was on which controller''s frequency, within 5 kHz and in range (DEL, GND, TWR 15 NM, APP 60, CTR 400, FSS 1,000), from when to when. UNICOM is none.';
COMMENT ON COLUMN skyledger.contact.duty_id IS 'the controller''s duty, see skyledger.controller_duty';
COMMENT ON COLUMN skyledger.contact.controller IS 'the controller''s callsign';
COMMENT ON COLUMN skyledger.contact.controller_cid IS 'the controller''s VATSIM id';
COMMENT ON COLUMN skyledger.contact.cid IS 'the pilot''s VATSIM id';
COMMENT ON COLUMN skyledger.contact.callsign IS 'the pilot''s callsign';
COMMENT ON COLUMN skyledger.contact.flight_id IS 'the flight';
COMMENT ON COLUMN skyledger.contact.frequency_khz IS 'what the pilot''s radio was tuned to when it began, kilohertz';
COMMENT ON COLUMN skyledger.contact.since IS 'first snapshot';
COMMENT ON COLUMN skyledger.contact.until IS 'last snapshot; NULL while it goes on, and for a minute after';

CREATE OR REPLACE VIEW skyledger.controller_load AS
SELECT t.at AS time, u.duty_id, u.aircraft, u.workload
FROM duty_ticks t CROSS JOIN LATERAL unnest(t.duty_id, t.aircraft, t.workload) AS u(duty_id, aircraft, workload);
COMMENT ON VIEW skyledger.controller_load IS 'How busy each controller was at each snapshot; nothing of snapshots at which no radios were known.';
COMMENT ON COLUMN skyledger.controller_load.time IS 'the snapshot';
COMMENT ON COLUMN skyledger.controller_load.duty_id IS 'the duty, see skyledger.controller_duty';
COMMENT ON COLUMN skyledger.controller_load.aircraft IS 'aircraft on the frequency and in range';
COMMENT ON COLUMN skyledger.controller_load.workload IS 'workload index, 0 to 100';

CREATE OR REPLACE VIEW skyledger.staffed_hour AS
SELECT s.hour, s.callsign, regexp_replace(s.callsign, '_.*_', '_') AS position,
       CASE s.facility WHEN 1 THEN 'FSS' WHEN 2 THEN 'DEL' WHEN 3 THEN 'GND' WHEN 4 THEN 'TWR' WHEN 5 THEN 'APP' WHEN 6 THEN 'CTR' END AS facility,
       nullif(s.airport, '') AS airport, nullif(s.fir, '') AS fir, nullif(s.sector, '') AS sector,
       bit_count(s.minutes::bit(64))::int AS staffed_minutes, bit_count(o.minutes::bit(64))::int AS observed_minutes
FROM staffed_hours s JOIN observed_hours o ON o.hour = s.hour;
COMMENT ON VIEW skyledger.staffed_hour IS 'In how many minutes of an hour a callsign was staffed, of those in which the recorder saw the network. A position that nobody staffed in an hour has no row. Hours that are over.';
COMMENT ON COLUMN skyledger.staffed_hour.hour IS 'start of the hour';
COMMENT ON COLUMN skyledger.staffed_hour.callsign IS 'as logged on';
COMMENT ON COLUMN skyledger.staffed_hour.position IS 'without the part that says which half';
COMMENT ON COLUMN skyledger.staffed_hour.facility IS 'FSS, DEL, GND, TWR, APP or CTR';
COMMENT ON COLUMN skyledger.staffed_hour.airport IS 'ICAO code that the callsign belongs to; NULL for centres and the like';
COMMENT ON COLUMN skyledger.staffed_hour.fir IS 'the FIR or upper region; NULL where not known';
COMMENT ON COLUMN skyledger.staffed_hour.sector IS 'the part of the FIR that the callsign has; NULL for all of it';
COMMENT ON COLUMN skyledger.staffed_hour.staffed_minutes IS 'minutes in which somebody was there on a frequency';
COMMENT ON COLUMN skyledger.staffed_hour.observed_minutes IS 'minutes of the hour that had a snapshot';
