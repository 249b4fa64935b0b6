//go:build !race

package vatsim

const raceDetector = false
