// Package machine reads what the machine has and does, with gopsutil. It is
// apart from package resource so that only the function that answers for it
// links what that takes.
package machine
