// Package verifytest tells a small story of the network for tests of what
// checks and rebuilds the database: snapshots as the feed sends them, with its
// oddities, a log that holds them, and a database they are projected to.
package verifytest
