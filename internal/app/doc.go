// Package app wires configuration to dependencies to handlers: one builder per
// function. The built binaries, the local runner and the tests all start the
// functions through it, so what is tested is what is deployed. AWS lives here
// and nowhere further in.
package app
