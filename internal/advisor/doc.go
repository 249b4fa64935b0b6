// Package advisor knows what the database's statements cost and what would make
// them cheaper. Once an hour it looks: at the statements that took most time
// (from pg_stat_statements where that can be read, and from the program's own
// timings), at their plans, at indexes that might help, which it tries without
// building them, and at the database's own figures. What it finds is kept;
// answering reads that and the catalogue, and changes nothing. A source that is
// missing is said in the answer, never an error.
//
// Plan says what maintenance is due and Apply does what of it is safe.
package advisor
