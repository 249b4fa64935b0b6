package recorded

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Folder is an indexed folder of snapshots, oldest first. It does not change
// and may be used by many goroutines.
type Folder struct {
	dir        string
	maxBody    int64
	snapshots  []snapshot
	times      []time.Time
	skipped    []Skipped
	duplicates int
}

type snapshot struct {
	at   time.Time // UTC, cut to microseconds
	path string    // relative to the folder
}

// Skipped is a file that was left out.
type Skipped struct {
	Path   string // relative to the folder
	Reason string
}

// defaultMaxBody leaves room for ten times the busiest network seen (29 MB at
// 25,000 aircraft).
const defaultMaxBody = 64 << 20

type settings struct {
	maxBody  int64
	progress func(done, total int)
}

// Option changes how a folder is opened.
type Option func(*settings)

// WithProgress calls report after each hundred files and after the last one.
func WithProgress(report func(done, total int)) Option {
	return func(s *settings) { s.progress = report }
}

// WithMaxBody refuses bodies of more than so many bytes, decompressed. The
// default is 64 MiB.
func WithMaxBody(bytes int64) Option {
	return func(s *settings) { s.maxBody = bytes }
}

// Open indexes dir and all folders below it. Of two files with the same
// update_timestamp the first by path is kept. Files that are no whole network
// snapshot are skipped and listed; a folder without any snapshot is an error
// that says what was found in it.
func Open(dir string, options ...Option) (*Folder, error) {
	const op = "recorded.Open"
	chosen := settings{maxBody: defaultMaxBody, progress: func(int, int) {}}
	for _, option := range options {
		option(&chosen)
	}
	root, err := resolve(dir)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "no_folder", err).
			WithMessage(fmt.Sprintf("%s is not a folder that can be read: %v", dir, err))
	}
	paths, err := list(root)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "no_folder", err).
			WithMessage(fmt.Sprintf("%s cannot be read: %v", dir, err))
	}
	f := &Folder{dir: root, maxBody: chosen.maxBody}
	f.index(paths, chosen.progress)
	if len(f.snapshots) == 0 {
		return nil, fault.E(op, fault.Invalid, "no_snapshots", nil).WithMessage(f.emptyMessage(dir, len(paths)))
	}
	return f, nil
}

func resolve(dir string) (string, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return "", err
	}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is a file", root)
	}
	return root, err
}

// list returns the candidates' paths relative to root, in lexical order.
func list(root string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || formatOf(path) == formatUnknown {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		paths = append(paths, relative)
		return err
	})
	slices.Sort(paths)
	return paths, err
}

func (f *Folder) index(paths []string, progress func(done, total int)) {
	seen := make(map[time.Time]bool, len(paths))
	reader := newHeadReader(f.maxBody)
	defer reader.close()
	for i, path := range paths {
		at, err := reader.timestamp(filepath.Join(f.dir, path))
		switch {
		case err != nil:
			f.skipped = append(f.skipped, Skipped{Path: path, Reason: err.Error()})
		case seen[at]:
			f.duplicates++
		default:
			seen[at] = true
			f.snapshots = append(f.snapshots, snapshot{at: at, path: path})
		}
		if done := i + 1; done%100 == 0 || done == len(paths) {
			progress(done, len(paths))
		}
	}
	slices.SortFunc(f.snapshots, func(a, b snapshot) int { return a.at.Compare(b.at) })
	f.times = make([]time.Time, len(f.snapshots))
	for i, s := range f.snapshots {
		f.times[i] = s.at
	}
}

func (f *Folder) emptyMessage(dir string, candidates int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s holds no network snapshot. Expected are vatsim-data.json bodies saved as *.json, "+
		"*.json.gz or *.json.zst under any name, in this folder or below it, each with its general.update_timestamp. ", dir)
	if candidates == 0 {
		text.WriteString("No file with such an ending was found.")
		return text.String()
	}
	fmt.Fprintf(&text, "%d files have such an ending and none is a whole snapshot", candidates)
	for i, skipped := range f.skipped {
		if i == 3 {
			text.WriteString("; …")
			break
		}
		fmt.Fprintf(&text, "; %s: %s", skipped.Path, skipped.Reason)
	}
	return text.String()
}

// Dir is the folder's absolute path, symbolic links resolved.
func (f *Folder) Dir() string { return f.dir }

// Len is the number of snapshots.
func (f *Folder) Len() int { return len(f.snapshots) }

// Times returns each snapshot's update_timestamp, oldest first, in UTC and cut
// to microseconds. The slice belongs to the folder: do not change it.
func (f *Folder) Times() []time.Time { return f.times }

// Path is the i-th snapshot's file, relative to the folder.
func (f *Folder) Path(i int) string { return f.snapshots[i].path }

// Skipped lists the files that were left out, by path. Duplicates are not
// among them.
func (f *Folder) Skipped() []Skipped { return f.skipped }

// Duplicates counts the files that repeat another one's update_timestamp.
func (f *Folder) Duplicates() int { return f.duplicates }

// Newest is the index of the newest snapshot not after at; false when all are
// after it.
func (f *Folder) Newest(at time.Time) (int, bool) {
	i, exact := slices.BinarySearchFunc(f.snapshots, at, func(s snapshot, at time.Time) int {
		return cmp.Compare(s.at.UnixMicro(), at.UnixMicro())
	})
	if !exact {
		i--
	}
	return i, i >= 0
}

// Body reads the i-th snapshot's body, byte for byte as it was received. A
// file that changed, broke or grew over the limit since Open is an error.
func (f *Folder) Body(i int) ([]byte, error) {
	const op = "recorded.Body"
	path := f.snapshots[i].path
	body, err := readAll(filepath.Join(f.dir, path), f.maxBody)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "unreadable", fmt.Errorf("%s: %w", path, err))
	}
	return body, nil
}
