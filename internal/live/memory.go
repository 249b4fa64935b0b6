package live

import (
	"sync"
	"time"
)

type entryKey struct {
	name     Name
	encoding Encoding
}

// Memory is the nearest layer: the entries of one version, in this process. A
// publisher and the readers of one process may share it.
type Memory struct {
	mu         sync.RWMutex
	pointer    pointer
	entries    map[entryKey]*entry
	checked    time.Time // when the version was last known to be the newest
	unverified bool      // no other layer could be asked since
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{entries: map[entryKey]*entry{}} }

// held is what memory has for one key.
type held struct {
	pointer    pointer
	entry      *entry // nil when this key is not here
	checked    time.Time
	unverified bool
}

func (m *Memory) get(key entryKey) held {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return held{m.pointer, m.entries[key], m.checked, m.unverified}
}

// move puts the version's entries in place of an older version's and adds them
// to the same version's. Entries of an older version are dropped. A newer
// pointer to the same rows (a suspicious snapshot was held) keeps them.
func (m *Memory) move(p pointer, now time.Time, entries ...*entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pointer.after(p) {
		return
	}
	if m.pointer.snapshot != p.snapshot {
		if len(entries) == 0 {
			return // rows of a version that nobody has shown yet: keep what can be shown
		}
		m.entries = make(map[entryKey]*entry, 2*len(Names()))
	}
	m.pointer, m.checked, m.unverified = p, now, false
	for _, loaded := range entries {
		m.entries[entryKey{loaded.head.Name, loaded.head.Encoding}] = loaded
	}
}

// replace is move for a version that the durable head names, which may be older
// than memory's when the database was made anew. It does nothing when memory
// has moved on since it was at was.
func (m *Memory) replace(was, p pointer, now time.Time, entries ...*entry) {
	m.mu.Lock()
	if m.pointer == was && was.after(p) {
		m.pointer = pointer{}
	}
	m.mu.Unlock()
	m.move(p, now, entries...)
}

// hold notes a suspicious snapshot that is not shown.
func (m *Memory) hold(seen int64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pointer.snapshot > 0 && seen > m.pointer.seen {
		m.pointer.seen, m.checked, m.unverified = seen, now, false
	}
}

// verify notes that the version is still the newest, or that nobody could tell.
func (m *Memory) verify(now time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checked, m.unverified = now, !ok
}

// postpone notes that whoever could tell was asked a moment ago.
func (m *Memory) postpone(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checked = now
}

// forget empties the memory.
func (m *Memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pointer, m.entries, m.checked, m.unverified = pointer{}, map[entryKey]*entry{}, time.Time{}, false
}
