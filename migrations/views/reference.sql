-- The world the network flies in. Airports, runways, countries and regions are
-- airportsdata's and OurAirports'; FIRs are VAT-Spy's (CC BY-SA 4.0), of the
-- version in force.

CREATE OR REPLACE VIEW skyledger.airport AS
SELECT a.icao, a.iata, a.name, a.city, a.country, c.name AS country_name, c.continent,
       a.region, r.name AS region_name, a.lat, a.lon, a.elevation_ft, a.tz, f.fir
FROM kept.airports a
LEFT JOIN kept.countries c ON c.code = a.country
LEFT JOIN kept.regions r ON r.code = a.region
LEFT JOIN kept.airport_firs f ON f.icao = a.icao;
COMMENT ON VIEW skyledger.airport IS 'One row per airport, heliport and seaplane base: join plans on icao = departure or arrival. From airportsdata (MIT) and OurAirports (public domain); fir by VAT-Spy''s boundaries (CC BY-SA 4.0).';
COMMENT ON COLUMN skyledger.airport.icao IS 'ICAO location indicator, or a national code of four characters';
COMMENT ON COLUMN skyledger.airport.iata IS 'IATA code; NULL for most';
COMMENT ON COLUMN skyledger.airport.name IS 'name in English or the local language';
COMMENT ON COLUMN skyledger.airport.city IS 'the town it belongs to';
COMMENT ON COLUMN skyledger.airport.country IS 'ISO 3166-1 code of two letters';
COMMENT ON COLUMN skyledger.airport.country_name IS 'the country''s name';
COMMENT ON COLUMN skyledger.airport.continent IS 'AF, AN, AS, EU, NA, OC or SA';
COMMENT ON COLUMN skyledger.airport.region IS 'ISO 3166-2 code of the part of the country, such as GB-ENG; NULL where not known';
COMMENT ON COLUMN skyledger.airport.region_name IS 'that part''s name';
COMMENT ON COLUMN skyledger.airport.lat IS 'latitude in degrees, north positive';
COMMENT ON COLUMN skyledger.airport.lon IS 'longitude in degrees, east positive';
COMMENT ON COLUMN skyledger.airport.elevation_ft IS 'feet above mean sea level';
COMMENT ON COLUMN skyledger.airport.tz IS 'time zone, such as Europe/London';
COMMENT ON COLUMN skyledger.airport.fir IS 'id of the FIR it lies in; NULL where in none, or while FIRs were not loaded';

CREATE OR REPLACE VIEW skyledger.runway AS
SELECT icao, no, low_ident, high_ident, length_ft, width_ft, surface, lighted, closed,
       low_heading, low_lat, low_lon, low_displaced_ft, high_heading, high_lat, high_lon, high_displaced_ft
FROM kept.runways;
COMMENT ON VIEW skyledger.runway IS 'One row per runway with both its ends, from OurAirports (public domain); helipads have one end.';
COMMENT ON COLUMN skyledger.runway.icao IS 'the airport, see skyledger.airport';
COMMENT ON COLUMN skyledger.runway.no IS 'counts the airport''s runways from 1';
COMMENT ON COLUMN skyledger.runway.low_ident IS 'the end with the lower number, such as 09L';
COMMENT ON COLUMN skyledger.runway.high_ident IS 'the other end, such as 27R; NULL where there is none';
COMMENT ON COLUMN skyledger.runway.length_ft IS 'feet; NULL where not known';
COMMENT ON COLUMN skyledger.runway.width_ft IS 'feet; NULL where not known';
COMMENT ON COLUMN skyledger.runway.surface IS 'as OurAirports has it, in capitals: ASP, CON, TURF and many more; NULL where not known';
COMMENT ON COLUMN skyledger.runway.lighted IS 'whether it has lights';
COMMENT ON COLUMN skyledger.runway.closed IS 'whether it is closed for good';
COMMENT ON COLUMN skyledger.runway.low_heading IS 'degrees true when taking off from the low end; NULL where not known';
COMMENT ON COLUMN skyledger.runway.low_lat IS 'latitude of the low end''s pavement; NULL where not known';
COMMENT ON COLUMN skyledger.runway.low_lon IS 'longitude of it';
COMMENT ON COLUMN skyledger.runway.low_displaced_ft IS 'feet from there to the threshold';
COMMENT ON COLUMN skyledger.runway.high_heading IS 'degrees true when taking off from the high end; NULL where not known';
COMMENT ON COLUMN skyledger.runway.high_lat IS 'latitude of the high end''s pavement; NULL where not known';
COMMENT ON COLUMN skyledger.runway.high_lon IS 'longitude of it';
COMMENT ON COLUMN skyledger.runway.high_displaced_ft IS 'feet from there to the threshold';

CREATE OR REPLACE VIEW skyledger.fir AS
SELECT f.id, f.name, f.callsign_prefixes,
       (SELECT count(*)::int FROM kept.vatspy_airports a WHERE a.version = f.version AND a.fir = f.id AND NOT a.pseudo) AS airports,
       b.oceanic, b.region, b.division, b.label_lat, b.label_lon, b.shape, f.version, f.since
FROM (
    SELECT f.version, v.since, f.id, min(f.no) AS no, (array_agg(f.name ORDER BY f.no))[1] AS name,
           array_agg(DISTINCT coalesce(nullif(f.callsign_prefix, ''), f.id)) AS callsign_prefixes,
           array_agg(DISTINCT f.boundary) AS boundaries
    FROM kept.vatspy_firs f JOIN kept.vatspy_versions v ON v.version = f.version AND v.in_force
    GROUP BY f.version, v.since, f.id
) f
LEFT JOIN LATERAL (
    SELECT bool_and(b.oceanic) AS oceanic, max(nullif(b.region, '')) AS region, max(nullif(b.division, '')) AS division,
           min(b.label_lat) AS label_lat, min(b.label_lon) AS label_lon,
           jsonb_build_object('type', 'MultiPolygon', 'coordinates', jsonb_agg(p.polygon ORDER BY b.no, p.i)) AS shape
    FROM kept.vatspy_boundaries b, jsonb_array_elements(b.shape) WITH ORDINALITY AS p(polygon, i)
    WHERE b.version = f.version AND b.id = ANY (f.boundaries)
    HAVING count(*) > 0
) b ON true;
COMMENT ON VIEW skyledger.fir IS 'One row per flight information region and sector of one, of the version in force. VAT-Spy Client Data Update Project, CC BY-SA 4.0: name it where you show these rows.';
COMMENT ON COLUMN skyledger.fir.id IS 'such as EGTT; a sector''s has a hyphen';
COMMENT ON COLUMN skyledger.fir.name IS 'VAT-Spy''s name';
COMMENT ON COLUMN skyledger.fir.callsign_prefixes IS 'what its controllers'' callsigns begin with';
COMMENT ON COLUMN skyledger.fir.airports IS 'how many airports VAT-Spy says are in it; 0 for sectors and terminal areas';
COMMENT ON COLUMN skyledger.fir.oceanic IS 'whether it is oceanic; NULL without a boundary';
COMMENT ON COLUMN skyledger.fir.region IS 'VATSIM''s region: AMAS, APAC or EMEA';
COMMENT ON COLUMN skyledger.fir.division IS 'VATSIM''s division';
COMMENT ON COLUMN skyledger.fir.label_lat IS 'where a map writes its name, latitude';
COMMENT ON COLUMN skyledger.fir.label_lon IS 'longitude of it';
COMMENT ON COLUMN skyledger.fir.shape IS 'boundary as a GeoJSON MultiPolygon; NULL where VAT-Spy has none';
COMMENT ON COLUMN skyledger.fir.version IS 'number of the content in force';
COMMENT ON COLUMN skyledger.fir.since IS 'when that content came into force';
