package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Journal appends the truth of a world to a file while it is flown. Beside the
// file it keeps how far it got, so that it goes on after a restart without
// writing an event twice or leaving one out.
type Journal struct {
	sim  *Simulator
	path string
	upto time.Time
}

// mark is what lies beside the journal: everything before Upto is in its first
// Size bytes.
type mark struct {
	Upto     time.Time `json:"upto"`
	Size     int64     `json:"size"`
	Seed     uint64    `json:"seed"`
	Aircraft int       `json:"aircraft"`
}

// OpenJournal opens or begins the journal at path, usually
// <data>/simulated/truth.jsonl. A new one begins at from; an old one goes on
// where it ended, and what was written behind its last mark is cut off. A
// journal of another world is refused.
func OpenJournal(sim *Simulator, path string, from time.Time) (*Journal, error) {
	const op = "simulator.OpenJournal"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fault.E(op, fault.Unavailable, "mkdir", err)
	}
	j := &Journal{sim: sim, path: path, upto: from.UTC()}
	raw, err := os.ReadFile(j.markPath())
	if errors.Is(err, os.ErrNotExist) {
		return j, j.save(0) // a journal without a mark is begun anew
	}
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "read", err)
	}
	var m mark
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fault.E(op, fault.Invalid, "mark", err).
			WithMessage(fmt.Sprintf("%s is broken; remove it and %s to begin a new truth log", j.markPath(), path))
	}
	if m.Seed != sim.options.Seed || m.Aircraft != sim.options.Aircraft {
		return nil, fault.E(op, fault.Conflict, "other_world", nil).
			WithMessage(fmt.Sprintf("%s tells of %d aircraft with seed %d; remove it to simulate another world", path, m.Aircraft, m.Seed))
	}
	j.upto = m.Upto
	if err := j.cut(m.Size); err != nil {
		return nil, fault.E(op, fault.Unavailable, "cut", err)
	}
	return j, nil
}

// Upto is the moment before which everything has been written.
func (j *Journal) Upto() time.Time { return j.upto }

// Advance writes what happened until to, an hour at a time. Going back in time
// writes nothing.
func (j *Journal) Advance(to time.Time) error {
	for to = to.UTC(); to.After(j.upto); {
		next := j.upto.Add(time.Hour)
		if next.After(to) {
			next = to
		}
		if err := j.advance(next); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) advance(to time.Time) error {
	const op = "simulator.Journal.Advance"
	var lines bytes.Buffer
	if err := j.sim.WriteTruth(&lines, j.upto, to); err != nil {
		return fault.E(op, fault.Internal, "encode", err)
	}
	size, err := j.append(lines.Bytes())
	if err != nil {
		return fault.E(op, fault.Unavailable, "write", err)
	}
	j.upto = to
	if err := j.save(size); err != nil {
		return fault.E(op, fault.Unavailable, "mark", err)
	}
	return nil
}

func (j *Journal) append(lines []byte) (size int64, err error) {
	file, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(lines); err != nil {
		return 0, err
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekEnd)
}

// cut shortens the journal to its marked size. One that is shorter has lost
// what was marked as written: nothing can be right after that.
func (j *Journal) cut(size int64) error {
	info, err := os.Stat(j.path)
	if errors.Is(err, os.ErrNotExist) && size == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() < size {
		return fmt.Errorf("%s has %d bytes and should have %d", j.path, info.Size(), size)
	}
	return os.Truncate(j.path, size)
}

func (j *Journal) markPath() string { return j.path + ".mark" }

// save replaces the mark as a whole or not at all.
func (j *Journal) save(size int64) error {
	if size == 0 {
		if err := os.Remove(j.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	raw, err := json.Marshal(mark{Upto: j.upto, Size: size, Seed: j.sim.options.Seed, Aircraft: j.sim.options.Aircraft})
	if err != nil {
		return err
	}
	next := j.markPath() + ".next"
	if err := os.WriteFile(next, raw, 0o644); err != nil {
		return err
	}
	return os.Rename(next, j.markPath())
}

// ReadTruth reads a journal, or anything WriteTruth wrote.
func ReadTruth(r io.Reader) ([]Event, error) {
	var out []Event
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		var event Event
		if err := json.Unmarshal(scanner.Bytes(), &event); err != nil {
			return nil, fault.E("simulator.ReadTruth", fault.Invalid, "line", err)
		}
		out = append(out, event)
	}
	return out, scanner.Err()
}
