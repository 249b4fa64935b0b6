package simulator

// random is a splitmix64 stream. It is started from what it decides about
// (seed, purpose, slot, block), so that no decision depends on the order in
// which anything is asked for.
type random struct{ state uint64 }

// The purposes keep streams about the same slot and block apart.
const (
	aboutDuty uint64 = iota + 1
	aboutIdentity
	aboutText
	aboutSnapshot
	aboutLag
	aboutRunway
	aboutShift
	aboutStation
	aboutPrefile
	aboutCallsign
	aboutPlan
	aboutRadio
)

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func hash(parts ...uint64) uint64 {
	sum := uint64(0x9e3779b97f4a7c15)
	for _, part := range parts {
		sum = mix(sum+0x9e3779b97f4a7c15) ^ mix(part+0xd1b54a32d192ed03)
	}
	return mix(sum)
}

func newRandom(parts ...uint64) *random { return &random{state: hash(parts...)} }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// unit is in [0, 1).
func (r *random) unit() float64 { return unit(r.next()) }

func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// between is in [low, high).
func (r *random) between(low, high float64) float64 { return low + (high-low)*r.unit() }

// below is in [0, n).
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

func (r *random) chance(p float64) bool { return r.unit() < p }

func pick[T any](r *random, from []T) T { return from[r.below(len(from))] }

// hashText is for streams about something named rather than numbered.
func hashText(text string) uint64 {
	sum := uint64(14695981039346656037)
	for i := range len(text) {
		sum = (sum ^ uint64(text[i])) * 1099511628211
	}
	return sum
}
