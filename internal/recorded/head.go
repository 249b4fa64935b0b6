package recorded

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// headReader finds the update_timestamp of one file after another, keeping its
// buffers between them.
type headReader struct {
	limit  int64
	buffer *bufio.Reader
	gzip   *gzip.Reader
	zstd   *zstd.Decoder
}

func newHeadReader(limit int64) *headReader {
	return &headReader{limit: limit, buffer: bufio.NewReaderSize(nil, 16<<10)}
}

func (h *headReader) close() {
	if h.zstd != nil {
		h.zstd.Close()
	}
}

// timestamp returns the update_timestamp of the snapshot in a file. The error
// is a reason that people can read.
func (h *headReader) timestamp(path string) (time.Time, error) {
	info, err := os.Stat(path) // follows symbolic links
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot be read: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return time.Time{}, errors.New("not a regular file")
	case info.Size() == 0:
		return time.Time{}, errors.New("empty")
	}
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	kind := formatOf(path)
	source, err := h.open(file, kind)
	if err != nil {
		return time.Time{}, err
	}
	at, err := findTimestamp(io.LimitReader(source, h.limit))
	if err != nil {
		return time.Time{}, err
	}
	return at, checkTail(file, kind, info.Size(), h.limit)
}

func (h *headReader) open(file *os.File, kind format) (io.Reader, error) {
	h.buffer.Reset(file)
	var err error
	switch kind {
	case formatGzip:
		if h.gzip == nil {
			h.gzip = new(gzip.Reader)
		}
		if err = h.gzip.Reset(h.buffer); err != nil {
			return nil, fmt.Errorf("not gzip: %w", err)
		}
		return h.gzip, nil
	case formatZstd:
		if h.zstd == nil {
			h.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, err
			}
		}
		if err = h.zstd.Reset(h.buffer); err != nil {
			return nil, fmt.Errorf("not zstd: %w", err)
		}
		return h.zstd, nil
	default:
		return h.buffer, nil
	}
}

// findTimestamp reads a document only as far as general.update_timestamp.
// Usually that is within the first 100 bytes, but it may be anywhere.
func findTimestamp(source io.Reader) (time.Time, error) {
	decoder := jsontext.NewDecoder(source, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch decoder.PeekKind() {
	case '{':
	case '[':
		return time.Time{}, errors.New("a list, not a network snapshot (a transceivers file?)")
	case jsontext.KindInvalid:
		_, err := decoder.ReadToken() // tells why
		return time.Time{}, readable(err)
	default:
		return time.Time{}, errors.New("not a JSON object")
	}
	text, err := member(decoder, "general", func() (string, error) {
		if decoder.PeekKind() != '{' {
			return "", errors.New("its general is not an object")
		}
		return member(decoder, "update_timestamp", func() (string, error) {
			token, err := decoder.ReadToken()
			if err == nil && token.Kind() != '"' {
				err = errors.New("its update_timestamp is not a text")
			}
			if err != nil {
				return "", err
			}
			return token.String(), nil
		})
	})
	if err != nil {
		return time.Time{}, readable(err)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.IsZero() {
		return time.Time{}, fmt.Errorf("its update_timestamp %.40q is not a time", text)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

// member enters the object that comes next and calls read at the value of the
// member called name.
func member(decoder *jsontext.Decoder, name string, read func() (string, error)) (string, error) {
	if _, err := decoder.ReadToken(); err != nil {
		return "", err
	}
	for {
		key, err := decoder.ReadToken()
		if err != nil {
			return "", err
		}
		if key.Kind() == '}' {
			return "", fmt.Errorf("no network snapshot: it has no %s", name)
		}
		if key.String() == name {
			return read()
		}
		if err := decoder.SkipValue(); err != nil {
			return "", err
		}
	}
}

func readable(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("truncated: it ends before its update_timestamp")
	case errors.As(err, &syntactic):
		return fmt.Errorf("not JSON at byte %d", syntactic.ByteOffset)
	default:
		return err
	}
}
