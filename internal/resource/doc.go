// Package resource knows what the functions use: memory, processor, goroutines,
// garbage collection and connections of the process, measured where it runs,
// and the invocations of each function, counted in the process and kept in
// PostgreSQL by hour. From that it says, in words with figures, what is short
// and how much memory a function should have, and it derives the memory limit
// and the connection pool of a process from the function's memory. What could
// not be measured is nil, never a guess.
package resource
