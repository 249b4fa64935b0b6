package simulator

import (
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/feedserver"
)

// Source serves a simulated world on a clock. Each snapshot is rendered once.
type Source struct {
	sim *Simulator
	now func() time.Time

	mu   sync.Mutex
	body feedserver.Body
}

// NewSource returns sim as a source whose time is now's.
func NewSource(sim *Simulator, now func() time.Time) *Source {
	return &Source{sim: sim, now: now}
}

// Current implements feedserver.Source. There always is a snapshot.
func (s *Source) Current() (feedserver.Body, bool) {
	at := s.sim.SnapshotTime(s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.body.At.Equal(at) {
		network, transceivers := s.sim.At(at)
		s.body = feedserver.Body{At: at, Network: network, Transceivers: transceivers}
	}
	return s.body, true
}
