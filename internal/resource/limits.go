package resource

import (
	"math"
	"runtime/debug"
)

// MemoryShare is the part of a function's memory that Go may use before it
// collects garbage harder. The rest is for what Go does not count: the pages of
// the binary (about 20 MB), the kernel's buffers, and what piles up between two
// collections.
const MemoryShare = 0.8

const megabyte = 1 << 20

// MemoryLimit returns the soft limit, in bytes, for a function of so many MB.
func MemoryLimit(memoryMB int) int64 {
	return int64(float64(memoryMB) * megabyte * MemoryShare)
}

// LimitMemory sets Go's soft memory limit from the function's memory and
// returns the limit in force, 0 when there is none. GOMEMLIMIT, which Go has
// read by itself, goes before; so does a memory nobody knows (0).
func LimitMemory(memoryMB int, gomemlimit string) int64 {
	if memoryMB > 0 && gomemlimit == "" {
		debug.SetMemoryLimit(MemoryLimit(memoryMB))
	}
	return memoryLimit()
}

// memoryLimit is the limit in force, 0 when there is none.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return limit
	}
	return 0
}

// smallFunction is the memory in MB up to which a function does one thing at a
// time.
const smallFunction = 256

// PoolSize returns how many connections a process of a function of so many MB
// holds at most. Lambda gives a process one invocation at a time, so one
// connection serves it and a second lets figures be written, or a view be built
// anew, beside a request; many processes share the database behind its proxy.
func PoolSize(memoryMB int) int32 {
	if memoryMB > 0 && memoryMB <= smallFunction {
		return 1
	}
	return 2
}
