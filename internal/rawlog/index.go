package rawlog

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyledger/skyledger/internal/fault"
)

// hourIndex knows where the records of one hour lie. It is derived from the
// files alone and can be thrown away at any time.
type hourIndex struct {
	hour time.Time

	mu       sync.Mutex
	files    map[string]File
	slots    []slot   // by time; never changed in place once handed out
	opaque   []region // what lies between frames and is none
	end      int64    // where the segment's whole frames end
	verified int64    // how far the segment is known to hold no torn frame
}

// slot is the place of one frame.
type slot struct {
	header header // only at, while known is false
	known  bool   // whether the header has been read
	file   string
	offset int64
	size   int64
}

type region struct {
	file   string
	offset int64
	size   int64
}

// searchChunk is how much is read at a time in search of the next frame behind
// damage.
const searchChunk = 256 << 10

// headerReaders bounds how many headers of single frames are fetched at once.
const headerReaders = 8

func (h *hourIndex) reset() {
	h.files, h.slots, h.opaque, h.end, h.verified = map[string]File{}, nil, nil, 0, 0
}

// packed says whether the hour has been packed.
func (h *hourIndex) packed() bool {
	for _, file := range h.files {
		if file.Kind == Packed {
			return true
		}
	}
	return false
}

// loose returns the hour's loose files, newest first: a frame goes before the
// frame that is its dictionary.
func (h *hourIndex) loose() []File {
	var files []File
	for _, file := range h.files {
		if file.Kind != Packed {
			files = append(files, file)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return b.At.Compare(a.At) })
	return files
}

func (h *hourIndex) search(at int64) (int, bool) {
	i := sort.Search(len(h.slots), func(i int) bool { return h.slots[i].header.at >= at })
	return i, i < len(h.slots) && h.slots[i].header.at == at
}

// holds says whether the hour has the very record that b was made of.
func (h *hourIndex) holds(b *base) bool {
	i, found := h.search(b.at)
	return found && h.slots[i].known && h.slots[i].header.hash == b.hash
}

// add puts a slot into its place, unless there is one of that moment: files are
// read packed first, and the first record of a moment is the one that counts.
func (h *hourIndex) add(s slot) {
	i, found := h.search(s.header.at)
	switch {
	case found:
	case i == len(h.slots):
		h.slots = append(h.slots, s)
	default:
		h.slots = slices.Insert(slices.Clip(slices.Clone(h.slots)), i, s)
	}
}

// refresh reads what is new in the hour's files, everything when a file went
// away or changed. A file that goes away meanwhile makes it begin again.
func (l *Log) refresh(ctx context.Context, h *hourIndex) error {
	err := l.refreshOnce(ctx, h)
	for try := 0; try < 2 && fault.Is(err, fault.NotFound); try++ {
		err = l.refreshOnce(ctx, h)
	}
	return err
}

func (l *Log) refreshOnce(ctx context.Context, h *hourIndex) error {
	files, err := l.storage.Files(ctx, h.hour)
	if err != nil {
		return err
	}
	same, err := l.continues(ctx, h, files)
	if err != nil {
		return err
	}
	if !same {
		h.reset()
	}
	for _, file := range files {
		if err := l.include(ctx, h, file); err != nil {
			h.reset()
			return err
		}
		h.files[file.Name] = file
	}
	return nil
}

// continues says whether files are what the index has read, and possibly more.
func (l *Log) continues(ctx context.Context, h *hourIndex, files []File) (bool, error) {
	found := 0
	for _, file := range files {
		known, ok := h.files[file.Name]
		if !ok {
			// A packed file changes which records count.
			if file.Kind == Packed && len(h.files) > 0 {
				return false, nil
			}
			continue
		}
		found++
		if file.Version != known.Version || file.Size < known.Size && file.Size < h.end {
			return false, nil
		}
		if file.Kind == Segment && file.Size != known.Size && !l.stillThere(ctx, h, file.Name) {
			return false, nil
		}
	}
	return found == len(h.files), nil
}

// stillThere says whether the segment's last frame is the one the index knows.
// It is not when a writer found it torn and wrote another one over it.
func (l *Log) stillThere(ctx context.Context, h *hourIndex, name string) bool {
	for i := len(h.slots) - 1; i >= 0; i-- {
		s := h.slots[i]
		if s.file != name || s.offset+s.size != h.end {
			continue
		}
		head, err := l.storage.Read(ctx, name, s.offset, headerSize)
		if err != nil {
			return false
		}
		found, err := parseHeader(head)
		return err == nil && found == s.header
	}
	return h.end == 0
}

func (l *Log) include(ctx context.Context, h *hourIndex, file File) error {
	_, known := h.files[file.Name]
	switch file.Kind {
	case Segment:
		end, err := l.scan(ctx, h, file, h.end)
		h.end = end
		return err
	case Packed:
		if known {
			return nil
		}
		return l.readPacked(ctx, h, file)
	default:
		if !known {
			h.add(slot{header: header{at: file.At.UnixMicro()}, file: file.Name, size: file.Size})
		}
		return nil
	}
}

// scan walks over the headers of a file's frames from start on, passes over what
// is damaged, and returns where the last whole frame ends.
func (l *Log) scan(ctx context.Context, h *hourIndex, file File, start int64) (end int64, err error) {
	end = start
	for at := start; at < file.Size; {
		head, err := l.storage.Read(ctx, file.Name, at, headerSize)
		if err != nil {
			return end, err
		}
		found, err := parseHeader(head)
		if err == nil && at+found.frameSize() > file.Size {
			break // torn: the rest of this frame was never written
		}
		if err == nil {
			h.add(slot{header: found, known: true, file: file.Name, offset: at, size: found.frameSize()})
			at += found.frameSize()
			end = at
			continue
		}
		next, err := l.nextFrame(ctx, file, at+1)
		if err != nil {
			return end, err
		}
		if next < 0 {
			break // nothing whole follows: a torn header, or a file that was never filled
		}
		h.opaque = append(h.opaque, region{file: file.Name, offset: at, size: next - at})
		l.damaged(h.hour, file.Name, at, "bytes between frames", next-at)
		at = next
	}
	return end, nil
}

// nextFrame returns where the next header lies, -1 when none follows.
func (l *Log) nextFrame(ctx context.Context, file File, start int64) (int64, error) {
	for start < file.Size {
		chunk, err := l.storage.Read(ctx, file.Name, start, searchChunk)
		if err != nil {
			return 0, err
		}
		for from := 0; ; from++ {
			found := bytes.Index(chunk[from:], []byte(frameMagic))
			if found < 0 {
				break
			}
			from += found
			if _, err := parseHeader(chunk[from:]); err == nil {
				return start + int64(from), nil
			}
		}
		if len(chunk) < searchChunk {
			break
		}
		start += int64(len(chunk) - headerSize + 1)
	}
	return -1, nil
}

// checkTail reads the segment's last frame unless this writer knows it whole:
// after a loss of power a file can have its length and not its content. The
// caller holds the hour's lock, so nobody is writing it.
func (l *Log) checkTail(ctx context.Context, h *hourIndex) error {
	if h.verified >= h.end {
		return nil
	}
	for i, s := range h.slots {
		if h.files[s.file].Kind != Segment || s.offset+s.size != h.end {
			continue
		}
		frame, err := l.storage.Read(ctx, s.file, s.offset, int(s.size))
		if err != nil {
			return err
		}
		if _, err := checkFrame(frame); err != nil {
			l.damaged(h.hour, s.file, s.offset, "torn frame at the end", s.size)
			h.slots = append(slices.Clip(slices.Clone(h.slots[:i])), h.slots[i+1:]...)
			h.end = s.offset
		}
		break
	}
	h.verified = h.end
	return nil
}

// fill reads the headers of slots from ≤ at < to that are not known yet: those
// of single frames, whose names tell only the time.
func (l *Log) fill(ctx context.Context, h *hourIndex, from, to int64) error {
	first, _ := h.search(from)
	last, _ := h.search(to)
	var unknown []int
	for i := first; i < last; i++ {
		if !h.slots[i].known {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	filled := slices.Clone(h.slots)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(headerReaders)
	for _, i := range unknown {
		group.Go(func() error {
			head, err := l.storage.Read(ctx, filled[i].file, 0, headerSize)
			if err != nil {
				return err
			}
			found, err := parseHeader(head)
			if err != nil || found.at != filled[i].header.at {
				// Known to be unreadable: it has no entry.
				found = header{at: filled[i].header.at}
				l.damaged(h.hour, filled[i].file, 0, "header", headerSize)
			}
			filled[i].header, filled[i].known = found, true
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	h.slots = filled
	return nil
}

// readable says whether the slot's header could be read.
func (s slot) readable() bool { return s.header.networkForm != formAbsent }
