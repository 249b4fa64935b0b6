package recorded

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

type format int

const (
	formatUnknown format = iota
	formatPlain
	formatGzip
	formatZstd
)

func formatOf(path string) format {
	lower := strings.ToLower(path)
	switch {
	case strings.HasSuffix(lower, ".json"):
		return formatPlain
	case strings.HasSuffix(lower, ".json.gz"):
		return formatGzip
	case strings.HasSuffix(lower, ".json.zst"):
		return formatZstd
	default:
		return formatUnknown
	}
}

var errTooLarge = errors.New("the body is larger than the limit")

// readAll returns a file's content, decompressed, up to limit bytes.
func readAll(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var source io.Reader = file
	switch formatOf(path) {
	case formatGzip:
		reader, err := gzip.NewReader(bufio.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("not gzip: %w", err)
		}
		defer reader.Close()
		source = reader
	case formatZstd:
		reader, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("not zstd: %w", err)
		}
		defer reader.Close()
		source = reader
	}
	body, err := io.ReadAll(io.LimitReader(source, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w of %d bytes", errTooLarge, limit)
	}
	return body, nil
}

// maxWindow is what `zstd --ultra -22` needs; more is refused.
const maxWindow = 128 << 20

// checkTail looks at a file's end, without reading what is before it, to see
// whether the file was cut. It finds every cut of plain and zstd files but
// those behind a closing brace, and nearly all of gzip files.
func checkTail(file *os.File, kind format, size, limit int64) error {
	switch kind {
	case formatPlain:
		return checkPlainTail(file, size, limit)
	case formatGzip:
		return checkGzipTail(file, size, limit)
	default:
		return checkZstdBlocks(file, size)
	}
}

func checkPlainTail(file *os.File, size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%w of %d bytes", errTooLarge, limit)
	}
	tail := make([]byte, min(size, 256))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	for i := len(tail) - 1; i >= 0; i-- {
		switch tail[i] {
		case ' ', '\n', '\r', '\t':
			continue
		case '}':
			return nil
		}
		break
	}
	return errors.New("truncated: it does not end with a closing brace")
}

// checkGzipTail reads ISIZE, the decoded size in the last four bytes. In a cut
// file they are four bytes of compressed data, and hardly ever a size that
// JSON of this length can have. What looks wrong is decompressed to be sure:
// a file of several members looks wrong too.
func checkGzipTail(file *os.File, size, limit int64) error {
	var trailer [4]byte
	if size < 18 {
		return errors.New("truncated: too short for gzip")
	}
	if _, err := file.ReadAt(trailer[:], size-4); err != nil {
		return err
	}
	decoded := int64(trailer[0]) | int64(trailer[1])<<8 | int64(trailer[2])<<16 | int64(trailer[3])<<24
	// Snapshots shrink to between a half and a fortieth.
	if decoded > size && decoded < size*40 && decoded <= limit {
		return nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("not gzip: %w", err)
	}
	defer reader.Close()
	switch n, err := io.Copy(io.Discard, io.LimitReader(reader, limit+1)); {
	case err != nil:
		return fmt.Errorf("truncated or broken: %w", err)
	case n > limit:
		return fmt.Errorf("%w of %d bytes", errTooLarge, limit)
	default:
		return nil
	}
}

// checkZstdBlocks walks from block header to block header, reading only those.
func checkZstdBlocks(file *os.File, size int64) error {
	truncated := errors.New("truncated: its last zstd block is not there")
	for offset := int64(0); offset < size; {
		var head [zstd.HeaderMaxSize]byte
		n, err := file.ReadAt(head[:], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var header zstd.Header
		if err := header.Decode(head[:n]); err != nil {
			return fmt.Errorf("not zstd: %w", err)
		}
		offset += int64(header.HeaderSize)
		if header.Skippable {
			offset += int64(header.SkippableSize)
			continue
		}
		for last := false; !last; {
			var block [3]byte
			if _, err := file.ReadAt(block[:], offset); err != nil {
				return truncated
			}
			word := int64(block[0]) | int64(block[1])<<8 | int64(block[2])<<16
			last = word&1 == 1
			length := word >> 3
			if word>>1&3 == 1 { // a run of one byte
				length = 1
			}
			offset += 3 + length
		}
		if header.HasCheckSum {
			offset += 4
		}
		if offset > size {
			return truncated
		}
	}
	return nil
}
