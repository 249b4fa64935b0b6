package rawlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// Dir keeps the log in a directory:
//
//	loose/2024-11-21T12.log    the hour's records as they came
//	hours/2024-11-21/12.hour   a finished hour, packed
//	locks/12.lock              held by whoever writes to an hour 12
//
// Any number of processes may read and write it at once.
type Dir struct {
	root string
	// write puts bytes into a file; tests make it fail.
	write func(f *os.File, p []byte, offset int64) (int, error)
}

// OpenDir returns the storage in a directory, which is made by the first append.
func OpenDir(path string) *Dir {
	return &Dir{root: path, write: (*os.File).WriteAt}
}

const (
	dayFormat    = "2006-01-02"
	looseFormat  = "2006-01-02T15"
	segmentEnd   = ".log"
	packedEnd    = ".hour"
	temporaryEnd = ".tmp"
)

func segmentName(hour time.Time) string {
	return filepath.Join("loose", hour.UTC().Format(looseFormat)+segmentEnd)
}

func packedName(hour time.Time) string {
	return filepath.Join("hours", hour.UTC().Format(dayFormat), hour.UTC().Format("15")+packedEnd)
}

// Loose lists the hours that have a segment.
func (d *Dir) Loose(context.Context) ([]time.Time, error) {
	return d.list("loose", looseFormat, segmentEnd)
}

// Days lists the days that have packed hours.
func (d *Dir) Days(context.Context) ([]time.Time, error) {
	return d.list("hours", dayFormat, "")
}

// Packed lists a day's packed hours.
func (d *Dir) Packed(_ context.Context, day time.Time) ([]time.Time, error) {
	name := day.UTC().Format(dayFormat)
	hours, err := d.list(filepath.Join("hours", name), "15", packedEnd)
	for i, hour := range hours {
		hours[i] = day.UTC().Truncate(24 * time.Hour).Add(time.Duration(hour.Hour()) * time.Hour)
	}
	return hours, err
}

// list returns the times that a folder's names stand for, ascending.
func (d *Dir) list(folder, format, suffix string) ([]time.Time, error) {
	names, err := os.ReadDir(filepath.Join(d.root, folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, d.fault("rawlog.Dir.list", err)
	}
	var times []time.Time
	for _, name := range names {
		stem, ok := strings.CutSuffix(name.Name(), suffix)
		if !ok {
			continue
		}
		if moment, err := time.Parse(format, stem); err == nil {
			times = append(times, moment)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times, nil
}

// Files returns the hour's packed file and segment, those there are. It looks
// for the segment first: a compaction that ends in between has then deleted what
// the packed file holds, and the other way round the hour would seem to be empty.
func (d *Dir) Files(_ context.Context, hour time.Time) ([]File, error) {
	var files []File
	for _, file := range []File{{Name: segmentName(hour), Kind: Segment}, {Name: packedName(hour), Kind: Packed}} {
		info, err := os.Stat(filepath.Join(d.root, file.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, d.fault("rawlog.Dir.Files", err)
		}
		files = append(files, describe(file, info))
	}
	slices.Reverse(files)
	return files, nil
}

// describe fills in what the file system knows of a file. A segment keeps its
// version while it grows; another file under its name has another inode.
func describe(file File, info fs.FileInfo) File {
	file.Size = info.Size()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		file.Version = fmt.Sprintf("%x", stat.Ino)
	}
	if file.Kind == Packed {
		file.Version += "-" + strconv.FormatInt(info.ModTime().UnixNano(), 36)
	}
	return file
}

// Read reads a part of a file.
func (d *Dir) Read(_ context.Context, name string, offset int64, n int) ([]byte, error) {
	file, err := os.Open(filepath.Join(d.root, name))
	if err != nil {
		return nil, d.fault("rawlog.Dir.Read", err)
	}
	defer file.Close()
	part := make([]byte, n)
	read, err := file.ReadAt(part, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, d.fault("rawlog.Dir.Read", err)
	}
	return part[:read], nil
}

// Conditional is false: whoever appends holds the lock and has looked.
func (d *Dir) Conditional() bool { return false }

// Append writes a frame behind the last whole one and waits until the disk has
// it. When that fails, the segment is as it was before.
func (d *Dir) Append(_ context.Context, at time.Time, frame []byte, end int64) (File, int64, bool, error) {
	const op = "rawlog.Dir.Append"
	described := File{Name: segmentName(at), Kind: Segment}
	path := filepath.Join(d.root, described.Name)
	_, err := os.Stat(path)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		if err := makeFolders(filepath.Dir(path)); err != nil {
			return File{}, 0, false, d.fault(op, err)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return File{}, 0, false, d.fault(op, err)
	}
	defer file.Close()
	// The name is durable before there is anything under it; at zero whoever
	// made the file may have died before that.
	if created || end == 0 {
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return File{}, 0, false, d.fault(op, err)
		}
	}
	if err := d.extend(file, frame, end); err != nil {
		return File{}, 0, false, d.fault(op, err)
	}
	info, err := file.Stat()
	if err != nil {
		return File{}, 0, false, d.fault(op, err)
	}
	return describe(described, info), end, true, nil
}

// extend writes frame at end and syncs. What lies behind end, a torn frame of a
// writer that died, is cut first; so is a torn frame of this one.
func (d *Dir) extend(file *os.File, frame []byte, end int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < end {
		return errDamaged
	}
	if info.Size() > end {
		if err := file.Truncate(end); err != nil {
			return err
		}
	}
	_, err = d.write(file, frame, end)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		// Should this fail too, the next append finds the torn frame.
		return errors.Join(err, file.Truncate(end))
	}
	return nil
}

// Pack writes the packed file beside its place and renames it there.
func (d *Dir) Pack(_ context.Context, hour time.Time, _ File, write func(io.Writer) error) error {
	const op = "rawlog.Dir.Pack"
	path := filepath.Join(d.root, packedName(hour))
	if err := makeFolders(filepath.Dir(path)); err != nil {
		return d.fault(op, err)
	}
	file, err := os.Create(path + temporaryEnd)
	if err != nil {
		return d.fault(op, err)
	}
	defer file.Close()
	if err = write(&writer{file: file, write: d.write}); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(path+temporaryEnd, path)
	}
	if err != nil {
		return d.fault(op, errors.Join(err, os.Remove(path+temporaryEnd)))
	}
	return d.fault(op, syncFolder(filepath.Dir(path)))
}

// writer writes to a file from its beginning on.
type writer struct {
	file   *os.File
	write  func(f *os.File, p []byte, offset int64) (int, error)
	offset int64
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.write(w.file, p, w.offset)
	w.offset += int64(n)
	return n, err
}

// Delete removes a file, and its day's folder when it was the last.
func (d *Dir) Delete(_ context.Context, name string) error {
	const op = "rawlog.Dir.Delete"
	path := filepath.Join(d.root, name)
	if err := os.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return d.fault(op, err)
	}
	folder := filepath.Dir(path)
	if filepath.Base(filepath.Dir(folder)) == "hours" && os.Remove(folder) == nil {
		folder = filepath.Dir(folder)
	}
	if err := syncFolder(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.fault(op, err)
	}
	return nil
}

// Close does nothing: no file stays open.
func (d *Dir) Close() error { return nil }

// fault classifies an error of the file system; nil stays nil.
func (d *Dir) fault(op string, err error) error {
	var classified *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.E(op, fault.Unavailable, "log_full", err)
	case errors.Is(err, fs.ErrNotExist):
		return fault.E(op, fault.NotFound, "no_file", err)
	default:
		return fault.E(op, fault.Unavailable, "log_io", err)
	}
}

// makeFolders makes a folder and those above it, durably.
func makeFolders(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeFolders(parent); err != nil {
			return err
		}
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return syncFolder(parent)
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
