package access

// gcra is the generic cell rate algorithm (ITU-T I.371) in one number: the time
// in ns at which everything that was let through is paid for. The zero value
// has let nothing through.
type gcra int64

// take lets one more through, or returns how many ns to wait for it. burst are
// let through at once, then one each interval (ns).
func (g *gcra) take(now, interval, burst int64) (wait int64) {
	paid := max(int64(*g), now)
	if wait := paid - now - interval*(burst-1); wait > 0 {
		return wait
	}
	*g = gcra(paid + interval)
	return 0
}

// note counts one that something else let through.
func (g *gcra) note(now, interval, burst int64) {
	*g = gcra(min(max(int64(*g), now)+interval, now+interval*burst))
}

// left is how many would be let through at once.
func (g *gcra) left(now, interval, burst int64) int64 {
	return max(0, burst-(max(int64(*g)-now, 0)+interval-1)/interval)
}
