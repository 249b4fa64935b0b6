// Package redistest gives a test a real Redis of its own, which it may stop,
// freeze, kill and start again. SKYLEDGER_TEST_FETCHED=1 takes the fetched
// server even where one is installed.
package redistest
