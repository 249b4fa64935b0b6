//go:build !race

package faulttest

// raceDetector says whether the tests run under it, which takes several times the memory.
const raceDetector = false
