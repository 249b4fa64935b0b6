package query

import "strings"

const (
	allowedStatements = "Allowed is one SELECT, VALUES or TABLE, with WITH before it if need be."
	allowedOperators  = "Allowed are arithmetic, comparison, text, pattern, array, range and JSON operators."
)

// set is a list of names, parted by white space.
func set(names string) map[string]bool {
	members := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		members[name] = true
	}
	return members
}

// allowedFunctions are functions of pg_catalog, every overload of which only
// computes: nothing that writes, locks, waits, reads files or settings, tells of
// the server, runs SQL given as text, differs from call to call within a
// transaction, or makes much from little (repeat, format, array_fill). lpad and
// rpad are here with a bound (see paddings). A test holds each against the
// catalogue of a real server.
func allowedFunctions() map[string]bool {
	return set(`
	any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every
	json_agg json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc
	range_agg range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
	regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance

	cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

	abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd
	degrees div exp floor gcd lcm ln log log10 min_scale mod pi power radians round scale sign sin sind sinh
	sqrt tan tand tanh trim_scale trunc width_bucket

	ascii bit_length btrim char_length character_length chr concat concat_ws decode encode initcap is_normalized
	left length like_escape lower lpad ltrim md5 normalize octet_length overlay position regexp_count
	regexp_instr regexp_like regexp_match regexp_matches regexp_replace
	regexp_split_to_array regexp_split_to_table regexp_substr
	replace reverse right rpad rtrim sha256 similar_to_escape split_part starts_with string_to_array string_to_table
	strpos substr substring to_char to_date to_hex to_number to_timestamp translate unistr upper

	age date date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days justify_hours
	justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps
	statement_timestamp timezone transaction_timestamp

	array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions
	array_prepend array_remove array_replace array_to_string array_upper cardinality generate_series
	generate_subscripts num_nonnulls num_nulls trim_array unnest

	array_to_json json_array_elements json_array_elements_text json_array_length json_build_array
	json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object
	json_object_keys json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_elements
	jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
	jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys
	jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
	jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json
	to_json to_jsonb

	daterange datemultirange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf
	nummultirange numrange range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc upper_inf`)
}

// allowedTypes are types of pg_catalog that only hold a value: none that looks
// a name up in the catalogue, as regclass does. They are allowed as casts, in
// column definitions and written as functions.
func allowedTypes() map[string]bool {
	return set(`
	bool boolean bpchar bytea date datemultirange daterange float4 float8 int2 int4 int4multirange int4range int8
	int8multirange int8range interval json jsonb jsonpath numeric nummultirange numrange text time timestamp
	timestamptz timetz tsmultirange tsrange tstzmultirange tstzrange uuid varchar`)
}

// allowedCalls are what may stand before parentheses.
func allowedCalls() map[string]bool {
	calls := allowedFunctions()
	for name := range allowedTypes() {
		calls[name] = true
	}
	return calls
}

func allowedSymbols() map[string]bool {
	return set(`
	+ - * / % ^ |/ ||/ @ & | # ~ << >> = <> != < > <= >= ||
	~~ ~~* !~~ !~~* ~* !~ !~* ^@
	@> <@ && &< &> -|- @- -> ->> #> #>> #- ? ?| ?& @? @@
	BETWEEN`)
}

// allowedCollations order text without looking anything else up.
func allowedCollations() map[string]bool { return set(`C POSIX default ucs_basic`) }

// paddings take a length; a constant one bounds what they make. The type
// char(n) pads as well, and has the same bound.
func paddings() map[string]bool { return set(`lpad rpad`) }

// longestPadding is generous for a column of text.
const longestPadding = 1000
