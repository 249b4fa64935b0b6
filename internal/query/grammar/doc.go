// Package grammar parses SQL as PostgreSQL does: with its own grammar, compiled
// to WebAssembly. The first parse takes a second or more and about 260 MB that
// stay, so that only the function that runs people's statements has it, and a
// test sees to that; internal/query is given it.
package grammar
