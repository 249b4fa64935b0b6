package api

import (
	"hash/crc32"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/gzipped"
)

// rendered is a page's bytes up to a tail that depends on the moment.
type rendered struct {
	page     page
	format   format
	parts    [][]byte // what stands twice is there twice
	etag     string   // without what compression adds
	squeezed bool     // the parts are the beginning of a gzip member
	checksum uint32   // CRC-32 of what they were before, as size
	size     uint32   // bytes
}

// render writes the page in the format wanted. What depends on the moment alone
// is no part of the ETag.
func (s *service) render(f format, p *page) (*rendered, error) {
	parts, err := f.write(p)
	if err != nil {
		return nil, err
	}
	stable, err := json.Marshal(s.pageMeta(p, false), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	answer := &rendered{page: *p, format: f, parts: parts, etag: tagOf(append(slices.Clone(parts), stable)...)}
	answer.page.sheet = nil
	return answer, nil
}

// squeeze compresses the parts, unless they are too short for it to matter.
// Rows that stand twice are compressed once.
func (r *rendered) squeeze() error {
	for _, part := range r.parts {
		r.size += uint32(len(part))
	}
	if r.size < leastCompressed {
		return nil
	}
	parts := [][]byte{[]byte(gzipped.Header)}
	done := map[*byte][]byte{}
	for _, part := range r.parts {
		r.checksum = crc32.Update(r.checksum, crc32.IEEETable, part)
		if len(part) < leastCompressed {
			parts = append(parts, gzipped.AppendStored(nil, part))
			continue
		}
		if done[&part[0]] == nil {
			var err error
			if done[&part[0]], err = gzipped.Deflate(part, compressionLevel); err != nil {
				return fault.E("api.squeeze", fault.Internal, "compression", err)
			}
		}
		parts = append(parts, done[&part[0]])
	}
	r.parts, r.squeezed = parts, true
	return nil
}

// tail is what follows the parts: for JSON the meta, which tells the age.
func (s *service) tail(r *rendered) (tail []byte, err error) {
	if r.format == formatJSON || r.format == formatGeoJSON {
		meta, err := json.Marshal(s.pageMeta(&r.page, true))
		if err != nil {
			return nil, err
		}
		tail = append(tail, ',')
		if r.page.timestamp && r.format == formatJSON {
			tail = append(appendTime(append(tail, `"timestamp":`...), s.Clock()), ',')
		}
		tail = append(append(append(tail, `"meta":`...), meta...), '}')
	}
	if r.squeezed {
		tail = gzipped.Tail(tail, r.checksum, r.size)
	}
	return tail, nil
}

// bytes is the memory that the parts take, where nothing stands twice.
func (r *rendered) bytes() int {
	total := 0
	for _, part := range r.parts {
		total += cap(part)
	}
	return total
}
