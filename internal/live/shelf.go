package live

import (
	"strconv"
	"sync"

	"golang.org/x/sync/singleflight"
)

// shelfBytes bounds what is kept of what was made of one answer's rows: some 50
// lists of a continent's flights, compressed. A function has 512 MB or more.
const shelfBytes = 16 << 20

// shelf is what was made of an entry's rows. It goes with the entry, so that
// nothing on it is of other rows than the newest.
type shelf struct {
	making singleflight.Group

	mu    sync.Mutex
	kept  map[string]made
	bytes int
}

type made struct {
	value any
	bytes int
}

// Make returns what build makes of the answer's rows: made once by whoever asks
// first for the key, and shared by all who do while the rows stand. The key says
// everything that the value depends on, besides the rows, the layer that
// answered and staleness. What has to make room for others is made again.
//
// build also says how many bytes the value takes. It must depend on nobody's
// context, and its value must not be changed.
func (a *Answer) Make(key string, build func() (value any, bytes int, err error)) (any, error) {
	key = string(a.Layer) + " " + strconv.FormatBool(a.Stale) + " " + key
	shelf := &a.entry.made
	if value, found := shelf.find(key); found {
		return value, nil
	}
	value, err, _ := shelf.making.Do(key, func() (any, error) {
		if value, found := shelf.find(key); found { // made since it was looked for
			return value, nil
		}
		value, bytes, err := build()
		if err == nil {
			shelf.put(key, made{value, bytes + len(key)})
		}
		return value, err
	})
	return value, err
}

func (s *shelf) find(key string) (any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, found := s.kept[key]
	return one.value, found
}

// put keeps a value that leaves room for others, and takes others away for it,
// whichever come first in the map: what many ask for is soon back.
func (s *shelf) put(key string, one made) {
	if one.bytes > shelfBytes/4 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, old := range s.kept {
		if s.bytes+one.bytes <= shelfBytes {
			break
		}
		delete(s.kept, other)
		s.bytes -= old.bytes
	}
	if s.kept == nil {
		s.kept = map[string]made{}
	}
	s.kept[key] = one
	s.bytes += one.bytes
}
