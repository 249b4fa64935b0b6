// Package vatsim knows the VATSIM feed: its types, how a body is decoded row by
// row, and how to fetch it politely. It promises that every row of a body is
// either returned or counted as rejected with a reason, whatever the body holds.
// Bodies come over HTTP from the addresses that status.json names.
package vatsim
