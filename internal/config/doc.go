// Package config reads every setting from the environment. Each has a default,
// a unit and a sentence; --help prints them, and wrong ones are refused at the
// start in one message that names them all.
package config
