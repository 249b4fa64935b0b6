package query

import (
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/query/grammar"
)

// everyday are statements as analysts write them. All must pass and run.
func everyday() map[string]string {
	return map[string]string{
		"a count":                       `SELECT count(*) FROM position`,
		"a table by its word":           `TABLE session_gap`,
		"values":                        `VALUES (1, 'a'), (2, 'b') ORDER BY 1 DESC LIMIT 1`,
		"a semicolon and a comment":     "SELECT 1; -- done\n/* really */",
		"traffic by minute":             `SELECT date_trunc('minute', time) AS minute, count(DISTINCT cid) AS pilots FROM skyledger.positions('2024-11-21', '2024-11-22') GROUP BY 1 ORDER BY 1`,
		"bins of five minutes":          `SELECT date_bin('5 minutes', p.time, '2024-01-01') AS bin, avg(p.altitude)::int, max(groundspeed) FILTER (WHERE altitude > 10000) FROM position p GROUP BY bin ORDER BY bin`,
		"a series with gaps filled":     `SELECT t.at, count(s.session_id) FROM generate_series('2024-11-21'::timestamptz, '2024-11-22', interval '1 hour') AS t(at) LEFT JOIN pilot_session s ON s.first_seen <= t.at AND s.last_seen > t.at GROUP BY 1 ORDER BY 1`,
		"the newest of each":            `SELECT DISTINCT ON (callsign) callsign, time, altitude FROM position ORDER BY callsign, time DESC`,
		"a running sum":                 `SELECT tick, sum(bytes) OVER w AS received, lag(outcome, 1) OVER w, row_number() OVER (PARTITION BY outcome ORDER BY tick) FROM feed_ledger WINDOW w AS (ORDER BY tick ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) LIMIT 10`,
		"parts with names":              `WITH busy AS MATERIALIZED (SELECT departure, count(*) AS n FROM flight_plan GROUP BY 1), top(airport, n) AS (SELECT * FROM busy ORDER BY n DESC LIMIT 3) SELECT top.airport, top.n, round(100.0 * top.n / sum(top.n) OVER (), 1) AS share FROM top`,
		"a name of WITH over a view":    `WITH position AS (SELECT 1 AS x) SELECT x FROM position`,
		"lateral":                       `SELECT s.callsign, last.time, last.lat FROM pilot_session s CROSS JOIN LATERAL (SELECT p.time, p.lat FROM positions(s.first_seen, s.first_seen + interval '1 minute') p WHERE p.session_id = s.session_id ORDER BY p.time DESC LIMIT 1) AS last WHERE s.cid < 810004`,
		"grouping sets":                 `SELECT departure, arrival, grouping(departure, arrival) AS level, count(*) FROM flight_plan GROUP BY GROUPING SETS ((departure, arrival), ROLLUP (departure), CUBE (arrival), ()) HAVING count(*) > 0 ORDER BY 3, 1, 2`,
		"union, intersect, except":      `(SELECT cid FROM pilot_session UNION ALL SELECT cid FROM controller_session) INTERSECT SELECT cid FROM pilot_session EXCEPT SELECT 810001 ORDER BY 1 OFFSET 1 FETCH FIRST 2 ROWS WITH TIES`,
		"percentiles":                   `SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY age), mode() WITHIN GROUP (ORDER BY outcome), stddev_samp(bytes), corr(bytes, pilots) FROM feed_ledger`,
		"arrays":                        `SELECT callsign, (array_agg(altitude ORDER BY time))[1:2], array_length(array_agg(time), 1), 35000 = ANY (array_agg(altitude)), ARRAY(SELECT 1) FROM position GROUP BY 1`,
		"json":                          `SELECT l.duplicates -> 'pilot' AS d, l.duplicates ->> 'pilot', l.duplicates @> '{"pilot": 1}', e.key, e.value, jsonb_build_object('a', l.tick, 'b', jsonb_agg(1)) FROM feed_ledger l, jsonb_each(l.duplicates) e GROUP BY l.tick, l.duplicates, e.key, e.value LIMIT 3`,
		"a record of json":              `SELECT r.a, r.b FROM json_to_recordset('[{"a":1,"b":"x"}]') AS r(a int, b text)`,
		"rows from several":             `SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) WITH ORDINALITY AS r(n, letter, no)`,
		"case, coalesce, nullif":        `SELECT CASE WHEN altitude > 30000 THEN 'high' ELSE 'low' END, coalesce(nullif(callsign, ''), '?'), greatest(altitude, 0), least(1, 2), callsign IS DISTINCT FROM 'X', altitude IS NOT NULL, (altitude > 1) IS TRUE FROM position LIMIT 1`,
		"patterns":                      `SELECT callsign FROM pilot_session WHERE callsign LIKE 'DLH%' AND callsign ILIKE '%1' AND callsign ~ '^[A-Z]{3}\d+$' AND callsign SIMILAR TO '(DLH|BAW)%' AND left(callsign, 3) NOT IN ('AFR', 'KLM') AND cid BETWEEN 1 AND 900000`,
		"a pattern with its own escape": `SELECT callsign FROM pilot_session WHERE callsign LIKE 'D!_%' ESCAPE '!' OR callsign NOT ILIKE '%!%' ESCAPE '!' OR callsign SIMILAR TO 'D!_' ESCAPE '!' OR callsign IS NFC NORMALIZED`,
		"dates":                         `SELECT extract(dow FROM first_seen), to_char(first_seen, 'YYYY-MM-DD HH24:MI'), first_seen AT TIME ZONE 'Europe/Berlin', age(last_seen, first_seen), last_seen - first_seen, (first_seen::date + 1), make_interval(hours => 2), now() > first_seen, current_date, current_timestamp(0), date '2024-01-01', timestamptz '2024-01-01Z', isfinite(first_seen), (first_seen, last_seen) OVERLAPS ('2024-01-01'::timestamptz, now()) FROM pilot_session LIMIT 1`,
		"histogram":                     `SELECT width_bucket(altitude, 0, 40000, 8) AS bucket, count(*), lpad('x', 3, '.'), rpad(left(min(callsign), 3), 5) FROM position GROUP BY 1 ORDER BY 1`,
		"text":                          `SELECT upper(trim(both ' ' from callsign)), substring(callsign from 1 for 3), position('H' in callsign), overlay(callsign placing 'X' from 1 for 1), regexp_replace(callsign, '\d', '', 'g'), split_part(route, ' ', 1), concat_ws('-', departure, arrival), string_agg(callsign, ', ') OVER () IS NULL FROM flight_plan GROUP BY callsign, route, departure, arrival LIMIT 2`,
		"distance by hand":              `SELECT 3440.065 * acos(least(1, sin(radians(a.lat)) * sin(radians(b.lat)) + cos(radians(a.lat)) * cos(radians(b.lat)) * cos(radians(b.lon - a.lon)))) AS nm FROM position a JOIN position b USING (time) WHERE a.cid = 810001 AND b.cid = 810002 LIMIT 1`,
		"exists and scalar subqueries":  `SELECT s.callsign, (SELECT count(*) FROM flight_plan p WHERE p.session_id = s.session_id) FROM pilot_session s WHERE EXISTS (SELECT FROM flight_plan p WHERE p.session_id = s.session_id AND p.departure = 'EDDF') AND s.cid >= ALL (SELECT 810001) ORDER BY 1 NULLS LAST`,
		"a name in quotes":              `SELECT "position"."callsign" AS "call sign" FROM "skyledger"."position" LIMIT 1`,
		"a unicode escape":              `SELECT U&"c\0069d" FROM pilot_session LIMIT 1`,
		"a column called as a type":     `SELECT p.time FROM position p LIMIT 1`,
		"ranges":                        `SELECT tstzrange(first_seen, last_seen) && tstzrange('2024-11-21', '2024-11-22'), lower(tstzrange(first_seen, last_seen)) FROM pilot_session LIMIT 1`,
		"casts":                         `SELECT '1'::int + CAST('2.5' AS numeric(5, 2)), '{1,2}'::int[], 1::float8::text, 'a'::varchar(3), int4(2.5), '{"a":1}'::jsonb, '0b5f...' = 'x', TRUE::int`,
		"order in C":                    `SELECT callsign FROM pilot_session ORDER BY callsign COLLATE "C" DESC LIMIT 1`,
	}
}

func TestEverydayStatementsPassAndRun(t *testing.T) {
	w := newWorld(t)
	s := w.sandbox(t)
	for name, statement := range everyday() {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Run(t.Context(), statement); err != nil {
				t.Errorf("%v\n%s", err, statement)
			}
		})
	}
}

// writer makes harmless analytic statements of every shape the grammar allows,
// typed so that PostgreSQL runs each.
type writer struct{ t *rapid.T }

func (w writer) among(label string, choices ...string) string {
	return rapid.SampledFrom(choices).Draw(w.t, label)
}

func (w writer) number(depth int) string {
	if depth == 0 {
		// Columns as numeric: an altitude times a cid is more than an int4 holds.
		return w.among("number", "1", "2.5", "n::numeric", "-3", "cid::numeric", "1e3")
	}
	a, b := w.number(depth-1), w.number(depth-1)
	return w.among("number", a+" + "+b, "("+a+" * "+b+")", "abs("+a+")", "round(("+a+")::numeric, 1)", "coalesce("+a+", 0)",
		"CASE WHEN "+w.truth(depth-1)+" THEN "+a+" ELSE "+b+" END", "greatest("+a+", "+b+")", "length("+w.text(depth-1)+")",
		"(SELECT max(x) FROM (VALUES (1), (2)) v(x))", "extract(epoch FROM "+w.time(depth-1)+")", "(ARRAY["+a+"]::float8[])[1]", "nullif(("+a+")::float8, 7)")
}

func (w writer) text(depth int) string {
	if depth == 0 {
		return w.among("text", "'a'::text", "callsign", "'it''s'::text", "E'\\n'::text", "''::text")
	}
	a := w.text(depth - 1)
	return w.among("text", "upper("+a+")", a+" || "+a, "left("+a+", 2)", "replace("+a+", 'a', 'b')", "concat("+a+", "+w.number(depth-1)+")",
		"to_char("+w.time(depth-1)+", 'HH24:MI')", "lpad("+a+", 8, '0')", "("+w.number(depth-1)+")::text", "split_part("+a+", 'a', 1)", `to_jsonb(`+a+`)::text`)
}

func (w writer) time(depth int) string {
	if depth == 0 {
		return w.among("time", "time", "now()", "timestamptz '2024-11-21 18:00Z'")
	}
	a := w.time(depth - 1)
	return w.among("time", "date_trunc('hour', "+a+")", a+" + interval '15 minutes'", "date_bin('5 minutes', "+a+", timestamptz '2024-01-01Z')", "greatest("+a+", now())")
}

func (w writer) truth(depth int) string {
	if depth == 0 {
		return w.among("truth", "true", "n > 1", "callsign LIKE 'D%'", "time IS NOT NULL")
	}
	return w.among("truth", w.number(depth-1)+" < "+w.number(depth-1), "NOT ("+w.truth(depth-1)+")", "("+w.truth(depth-1)+" OR "+w.truth(depth-1)+")",
		w.text(depth-1)+" = "+w.text(depth-1), w.text(depth-1)+" ~ '^[a-z]'", "cid IN (1, 2, 810001)", "cid BETWEEN 1 AND 9", "EXISTS (SELECT 1)",
		w.time(depth-1)+" >= '2024-11-21'", "n = ANY (ARRAY[1, 2])")
}

// source gives the columns n, cid, callsign and time.
func (w writer) source(depth int) string {
	base := w.among("source", "(SELECT 1 AS n, cid, callsign, first_seen AS time FROM pilot_session)", "(SELECT altitude AS n, cid, callsign, time FROM positions('2024-11-21', '2024-11-21 18:02Z'))",
		"(SELECT g AS n, 5 AS cid, 'x' AS callsign, now() AS time FROM generate_series(1, 5) g)", "(VALUES (1, 2, 'v', now())) v(n, cid, callsign, time)")
	if !strings.Contains(base, " v(") {
		base += " AS s"
	}
	if depth == 0 {
		return base
	}
	return w.among("join", base, base+" CROSS JOIN LATERAL (SELECT n AS lateral_n) l", base+" LEFT JOIN (SELECT 1 AS joined) j ON "+w.truth(depth-1),
		"("+w.sub(depth-1)+") AS s", base+" JOIN generate_series(1, 2) WITH ORDINALITY AS g(i, no) ON true")
}

func (w writer) sub(depth int) string {
	return "SELECT n, cid, callsign, time FROM " + w.source(depth) + " WHERE " + w.truth(depth) + w.among("tail", "", " ORDER BY cid, n LIMIT 7", " LIMIT 3 OFFSET 1")
}

func (w writer) statement() string {
	depth := rapid.IntRange(0, 2).Draw(w.t, "depth")
	number, text, moment := w.number(depth), w.text(depth), w.time(depth)
	return w.among("statement",
		"SELECT "+number+", "+text+" AS t, "+moment+" FROM "+w.source(depth)+" WHERE "+w.truth(depth),
		"SELECT "+moment+" AS bin, count(*), avg("+number+"), max("+text+") FILTER (WHERE "+w.truth(depth)+") FROM "+w.source(depth)+" GROUP BY 1 HAVING count(*) > 0 ORDER BY 1 DESC",
		"SELECT cid, callsign, count(*), grouping(cid) FROM "+w.source(depth)+" GROUP BY GROUPING SETS ((cid), (cid, callsign), ())",
		"SELECT DISTINCT ON (cid) cid, "+text+" AS t FROM "+w.source(depth)+" ORDER BY cid, n",
		"SELECT sum(n) OVER w, rank() OVER w, lag(cid) OVER (PARTITION BY callsign ORDER BY n), "+number+" FROM "+w.source(depth)+" WINDOW w AS (ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
		"WITH a AS ("+w.sub(depth)+"), b AS MATERIALIZED (SELECT * FROM a WHERE "+w.truth(depth)+") SELECT a.cid, count(b.n) FROM a LEFT JOIN b USING (cid) GROUP BY 1",
		"SELECT n, cid, callsign, time FROM "+w.source(0)+" WHERE "+w.truth(0)+w.among("set", " UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ")+"SELECT n, cid, callsign, time FROM "+w.source(0),
		"SELECT array_agg("+number+" ORDER BY n), jsonb_agg("+text+"), string_agg("+text+", ','), percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM "+w.source(depth),
	)
}

func TestGeneratedStatementsPassAndRun(t *testing.T) {
	w := newWorld(t)
	// What is harmless may still be large: the third wall is not on trial here.
	s := w.sandbox(t, func(o *Options) { o.Limits = Limits{Cost: 1e5, Time: 5 * time.Second} })
	rapid.Check(t, func(t *rapid.T) {
		statement := writer{t}.statement()
		_, err := s.Run(context.Background(), statement)
		if fault.ReasonOf(err) == "query_cost" || fault.Is(err, fault.Timeout) {
			return
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	})
}

// TestAllowedFunctionsOnlyCompute asks a real server about every function that
// the first wall allows: each overload must be of the server itself and not
// volatile, and one that the server keeps from people is not for us to allow.
func TestAllowedFunctionsOnlyCompute(t *testing.T) {
	w := newWorld(t)
	rows, err := w.Admin.Query(t.Context(), `
		SELECT p.proname, p.oid::regprocedure::text, p.provolatile::text, l.lanname::text, p.proname ~ '^pg_|^lo_'
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($1)`, listOf(allowedCalls()))
	must(t, err)
	seen := map[string]bool{}
	var name, signature, volatility, language string
	var internal bool
	for rows.Next() {
		must(t, rows.Scan(&name, &signature, &volatility, &language, &internal))
		seen[name] = true
		if volatility == "v" || internal || (language != "internal" && language != "sql") {
			t.Errorf("%s: volatility %s, language %s", signature, volatility, language)
		}
	}
	must(t, rows.Err())
	// Those that only newer servers have, and types that are no functions.
	for name := range allowedFunctions() {
		if !seen[name] && ask[string](t, w.Admin, `SELECT current_setting('server_version_num')`) >= "170000" {
			t.Errorf("there is no function %s", name)
		}
	}
}

func listOf(set map[string]bool) (names []string) {
	for name := range set {
		names = append(names, name)
	}
	return names
}

// TestWhatPassesReadsOnlyWhatViewsShow compares with PostgreSQL's own plans.
func TestWhatPassesReadsOnlyWhatViewsShow(t *testing.T) {
	w := newWorld(t)
	known := w.known(t)
	scanned := ask[[]string](t, w.Admin, `SELECT array_agg(n.nspname || '.' || c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('sky', 'kept', 'skyledger') AND c.relname NOT IN ('api_keys', 'schema_version')`)
	theirs := set(strings.Join(scanned, " "))
	for name, statement := range everyday() {
		if _, err := Check(statement, grammar.Parse, known); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		plan, err := planOf(t.Context(), w.Reader, statement)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if beyond := plan.beyond(theirs); beyond != "" {
			t.Errorf("%s reads %s", name, beyond)
		}
	}
}
