package fault

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// UpstreamState is what a process knows of one of its upstreams: the policies of
// that name together.
type UpstreamState struct {
	Name     string
	State    string    // "closed", "open", "half-open"; the worst of them
	Since    time.Time // when the state began; where it never changed, when the process did
	Calls    int64     // since the process began, as the rest
	Attempts int64
	Failures int64
	Refused  int64
	Opened   int64
}

// Policy returns a new policy that the recorder knows of: its state is in what
// is flushed and in Upstreams. With a nil recorder it is a policy like any other.
func (r *Recorder) Policy(options PolicyOptions) *Policy {
	if r == nil {
		return NewPolicy(options)
	}
	policy := newPolicy(options, r.options.Clock)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policies = append(r.policies, policy)
	return policy
}

// Upstreams returns the process's upstreams by name.
func (r *Recorder) Upstreams() []UpstreamState {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upstreams()
}

func (r *Recorder) upstreams() []UpstreamState {
	byName := map[string]*UpstreamState{}
	for _, policy := range r.policies {
		stats := policy.Stats()
		known := byName[stats.Name]
		if known == nil {
			known = &UpstreamState{Name: stats.Name}
			byName[stats.Name] = known
		}
		since := cmp.Or(policy.changed.Load(), r.started.UnixMicro())
		if worse := severity(stats.State) - severity(known.State); worse > 0 || worse == 0 && since > known.Since.UnixMicro() {
			known.State, known.Since = stats.State, time.UnixMicro(since).UTC()
		}
		known.Calls += int64(stats.Calls)
		known.Attempts += int64(stats.Attempts)
		known.Failures += int64(stats.Failures)
		known.Refused += int64(stats.Refused)
		known.Opened += int64(stats.Opened)
	}
	upstreams := make([]UpstreamState, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		upstreams = append(upstreams, *byName[name])
	}
	return upstreams
}

func severity(state string) int { return slices.Index([]string{"closed", "half-open", "open"}, state) }
