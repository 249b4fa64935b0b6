-- +goose Up

-- Movements by airport and UTC day, the sum of airport_quarters: what months
-- and years are asked of.
CREATE TABLE airport_days (
    airport        text NOT NULL,
    day            timestamptz NOT NULL,
    departures     integer NOT NULL,
    arrivals       integer NOT NULL,
    go_arounds     integer NOT NULL,
    touch_and_goes integer NOT NULL,
    diversions     integer NOT NULL,
    PRIMARY KEY (airport, day)
);
CREATE INDEX airport_days_day ON airport_days (day) INCLUDE (airport, departures, arrivals);

-- A day of all airports is answered from the index alone.
DROP INDEX airport_quarters_quarter;
CREATE INDEX airport_quarters_quarter ON airport_quarters (quarter)
    INCLUDE (airport, departures, arrivals, go_arounds, touch_and_goes, diversions);

-- Ended flights, newest first: all of them, by either airport, by callsign.
CREATE INDEX flights_ended ON flights (ended, id) WHERE ending <> 0;
CREATE INDEX flights_from ON flights (coalesce(nullif(departure, ''), filed_departure), ended, id) WHERE ending <> 0;
CREATE INDEX flights_to ON flights (coalesce(nullif(arrival, ''), filed_arrival), ended, id) WHERE ending <> 0;
CREATE INDEX flights_callsign ON flights (callsign, ended, id) WHERE ending <> 0;

INSERT INTO airport_days (airport, day, departures, arrivals, go_arounds, touch_and_goes, diversions)
SELECT q.airport, date_trunc('day', q.quarter, 'UTC'),
       sum(q.departures), sum(q.arrivals), sum(q.go_arounds), sum(q.touch_and_goes), sum(q.diversions)
FROM airport_quarters q GROUP BY 1, 2;

-- recount_days adds up anew the days that quarters of an hour lie in; to be
-- called after recount_quarters with the same arguments.
-- +goose StatementBegin
CREATE FUNCTION recount_days(airports text[], quarters timestamptz[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM airport_days d USING unnest(airports, quarters) AS t(airport, quarter)
    WHERE d.airport = t.airport AND d.day = date_trunc('day', t.quarter, 'UTC');

    INSERT INTO airport_days (airport, day, departures, arrivals, go_arounds, touch_and_goes, diversions)
    SELECT t.airport, t.day, sum(q.departures), sum(q.arrivals), sum(q.go_arounds), sum(q.touch_and_goes), sum(q.diversions)
    FROM (SELECT DISTINCT u.airport, date_trunc('day', u.quarter, 'UTC') AS day FROM unnest(airports, quarters) AS u(airport, quarter)) AS t
    JOIN airport_quarters q ON q.airport = t.airport AND q.quarter >= t.day AND q.quarter < t.day + interval '24 hours'
    GROUP BY t.airport, t.day;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION recount_days;
DROP INDEX flights_ended, flights_from, flights_to, flights_callsign, airport_quarters_quarter;
CREATE INDEX airport_quarters_quarter ON airport_quarters (quarter);
DROP TABLE airport_days;
