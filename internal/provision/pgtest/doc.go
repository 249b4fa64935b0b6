// Package pgtest gives tests databases of their own on a real PostgreSQL: one
// server per test process, started at the first use, and a fresh database per
// test, empty or cloned from a prepared one. SKYLEDGER_TEST_DATABASE_URL (a
// superuser's URL) names a server to use instead; SKYLEDGER_TEST_FETCHED=1
// takes fetched binaries even where PostgreSQL is installed.
package pgtest
