package rawlog

import (
	"context"
	"io"
	"time"
)

// Kind says how a file of the log is laid out.
type Kind byte

// The kinds of files an hour is made of.
const (
	Packed  Kind = iota // a finished hour: frames by time, and an index at the end
	Segment             // frames in the order they came; grows
	Single              // one frame
)

// File is one file (or object) of an hour.
type File struct {
	Name    string
	Kind    Kind
	At      time.Time // of a Single: the key of its frame
	Size    int64     // bytes
	Version string    // changes when other content takes the name
}

// Storage keeps the log's bytes, by UTC hour. It knows nothing of frames. Loose
// files receive records; a packed file is a finished hour. Errors are classified
// as internal/fault has it; what does not exist is fault.NotFound.
type Storage interface {
	// Loose lists the hours that have loose files, ascending.
	Loose(ctx context.Context) ([]time.Time, error)
	// Days lists the UTC days that have packed hours, ascending.
	Days(ctx context.Context) ([]time.Time, error)
	// Packed lists the packed hours of a day, ascending.
	Packed(ctx context.Context, day time.Time) ([]time.Time, error)
	// Files lists the files of an hour, the packed one first, then by name.
	Files(ctx context.Context, hour time.Time) ([]File, error)
	// Read returns n bytes from an offset on, fewer only where the file ends.
	Read(ctx context.Context, name string, offset int64, n int) ([]byte, error)

	// Lock keeps other writers of the hour away, where Conditional does not.
	Lock(ctx context.Context, hour time.Time) (unlock func(), err error)
	// Conditional says whether Append itself refuses a second frame of a moment.
	Conditional() bool
	// Append adds a frame durably and returns the file it went to and where it
	// begins in it. end is where the hour's segment ends as far as its frames
	// are whole: what lies behind is cut. appended is false when there is a
	// frame of that moment already.
	Append(ctx context.Context, at time.Time, frame []byte, end int64) (file File, offset int64, appended bool, err error)
	// Pack writes the hour's packed file durably, all of it or nothing, in the
	// place of previous (which has no name when there is none).
	Pack(ctx context.Context, hour time.Time, previous File, write func(io.Writer) error) error
	// Delete removes a file of the hour; one that is gone is no error.
	Delete(ctx context.Context, name string) error
	Close() error
}
