// Package scripted is a feed server that misbehaves to order, over real TCP:
// it answers each path with a queue of steps (errors, silence, trickles, cut
// and lying bodies, floods, gzip bombs) and keeps a log of what was asked and
// when. Fault tests of any package drive it; the product never does.
package scripted
