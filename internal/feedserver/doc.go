// Package feedserver serves a feed over real HTTP the way VATSIM does:
// status.json that names its own addresses, the network and the transceivers
// body with ETag, gzip and a cache life of 15 seconds. It promises to send a
// source's bytes unchanged and to compress each snapshot once. Recorded and
// simulated sources are served by it to the same client that reads the network.
package feedserver
