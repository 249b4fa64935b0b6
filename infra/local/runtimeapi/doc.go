// Package runtimeapi runs built functions as Lambda does: it starts a bootstrap
// binary with the environment Lambda sets and serves it the Lambda Runtime API
// (version 2018-06-01) over HTTP on loopback, so that what ships can be driven
// unchanged. A Process is one such execution environment; a Function starts as
// many as run at once and replaces those that end. How long a start and an
// invocation take, and how much memory they need, is measured from outside. It
// ends no process that it did not start.
package runtimeapi
