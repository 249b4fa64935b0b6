package recorded

import (
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/feedserver"
)

// Source serves the newest snapshot of a folder not after what its clock says.
// A snapshot that cannot be read is left out and listed by Unreadable; the one
// before it goes on being served, as when the network skips a snapshot.
type Source struct {
	folder *Folder
	now    func() time.Time

	mu         sync.Mutex
	index      int // of body, −1 when there is none
	body       feedserver.Body
	unreadable map[int]string
}

// NewSource returns the folder as a source that runs on the clock now.
func NewSource(folder *Folder, now func() time.Time) *Source {
	return &Source{folder: folder, now: now, index: -1, unreadable: map[int]string{}}
}

// Current implements feedserver.Source.
func (s *Source) Current() (feedserver.Body, bool) {
	newest, ok := s.folder.Newest(s.now())
	if !ok {
		return feedserver.Body{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := newest; i >= 0; i-- {
		if i == s.index {
			return s.body, true
		}
		if _, bad := s.unreadable[i]; bad {
			continue
		}
		body, err := s.folder.Body(i)
		if err != nil {
			s.unreadable[i] = err.Error()
			continue
		}
		s.index, s.body = i, feedserver.Body{At: s.folder.times[i], Network: body}
		return s.body, true
	}
	return feedserver.Body{}, false
}

// Unreadable lists the snapshots that turned out to be broken when they were
// read, by time.
func (s *Source) Unreadable() []Skipped {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Skipped
	for i := range s.folder.snapshots {
		if reason, bad := s.unreadable[i]; bad {
			out = append(out, Skipped{Path: s.folder.Path(i), Reason: reason})
		}
	}
	return out
}
