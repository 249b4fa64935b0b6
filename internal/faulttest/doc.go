// Package faulttest holds the tests of the fault matrix: what goes wrong with a
// 15-second feed, a database, a cache and at-least-once invocations, each on
// real parts, and what must hold afterwards. Counts come from the fixtures, by
// the tests' own reckoning, and never from the code under test. It has nothing
// for the product.
package faulttest
