// Package workload knows how busy a controller or a sector is: one index from 0
// to 100, made of parts that everybody can compute again. It is pure.
package workload
