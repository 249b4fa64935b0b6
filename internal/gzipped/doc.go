// Package gzipped knows how a gzip member (RFC 1952) is put together from text
// compressed before and text that changes from answer to answer, in deflate's
// stored blocks (RFC 1951, 3.2.4). Several members would be simpler, but browsers
// and curl stop at the first.
package gzipped
