// Command bench measures Skyledger against its goals on this machine: each
// figure stands beside a limit measured in the same run, in one table on
// standard output and in build/bench.json. It exits non-zero only when
// something could not be measured.
package main
