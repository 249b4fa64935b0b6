package rawlog

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
)

// A packed file is the frames of an hour by time, then whatever lay between
// frames in the files it was made of (kept for whoever wants to look at the
// damage), then the index and a footer. An index entry is a frame's header
// without its magic, so that no search for frames takes it for one, and the
// frame's offset (8 bytes). The footer:
//
//	offset size
//	     0    8  magic "SKYINDEX"
//	     8    4  number of frames
//	    12    8  where the frames end
//	    20    8  where the index begins
//	    28    4  CRC-32C of the index
//	    32    4  CRC-32C of the 32 bytes before
const (
	footerMagic = "SKYINDEX"
	footerSize  = 36
	indexEntry  = headerSize - len(frameMagic) + 8
	// tailRead is what is fetched of a packed file's end: the index of an hour
	// of 15-second ticks takes 25 kB.
	tailRead = 40 << 10
)

type footer struct {
	count      uint32
	framesEnd  uint64
	indexStart uint64
	indexCRC   uint32
}

func (f footer) appendTo(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, footerMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, f.count)
	dst = binary.LittleEndian.AppendUint64(dst, f.framesEnd)
	dst = binary.LittleEndian.AppendUint64(dst, f.indexStart)
	dst = binary.LittleEndian.AppendUint32(dst, f.indexCRC)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// parseFooter reads the footer at the end of a packed file of that size.
func parseFooter(tail []byte, fileSize int64) (footer, bool) {
	if len(tail) < footerSize || fileSize < footerSize {
		return footer{}, false
	}
	b := tail[len(tail)-footerSize:]
	if string(b[:8]) != footerMagic || binary.LittleEndian.Uint32(b[32:]) != checksum(b[:32]) {
		return footer{}, false
	}
	f := footer{
		count:      binary.LittleEndian.Uint32(b[8:]),
		framesEnd:  binary.LittleEndian.Uint64(b[12:]),
		indexStart: binary.LittleEndian.Uint64(b[20:]),
		indexCRC:   binary.LittleEndian.Uint32(b[28:]),
	}
	end := uint64(fileSize) - footerSize
	ok := f.framesEnd <= f.indexStart && f.indexStart <= end &&
		end-f.indexStart == uint64(f.count)*uint64(indexEntry)
	return f, ok
}

// readPacked adds a packed file's frames to the index; without a sound index of
// its own the file is searched for frames.
func (l *Log) readPacked(ctx context.Context, h *hourIndex, file File) error {
	start := max(0, file.Size-tailRead)
	tail, err := l.storage.Read(ctx, file.Name, start, int(file.Size-start))
	if err != nil {
		return err
	}
	foot, ok := parseFooter(tail, file.Size)
	if ok && int64(foot.indexStart) < start {
		start = int64(foot.indexStart)
		if tail, err = l.storage.Read(ctx, file.Name, start, int(file.Size-start)); err != nil {
			return err
		}
	}
	if !ok || int64(len(tail)) != file.Size-start || !h.addIndex(file, foot, tail[int64(foot.indexStart)-start:len(tail)-footerSize]) {
		l.damaged(h.hour, file.Name, start, "index of a packed hour", file.Size-start)
		_, err := l.scan(ctx, h, file, 0)
		return err
	}
	if foot.indexStart > foot.framesEnd {
		h.opaque = append(h.opaque, region{file: file.Name, offset: int64(foot.framesEnd), size: int64(foot.indexStart - foot.framesEnd)})
	}
	return nil
}

// addIndex adds the entries of a packed file's index; it adds none and returns
// false when one is not sound.
func (h *hourIndex) addIndex(file File, foot footer, index []byte) bool {
	if checksum(index) != foot.indexCRC {
		return false
	}
	slots := make([]slot, 0, foot.count)
	for ; len(index) > 0; index = index[indexEntry:] {
		found, err := parseHeader(append([]byte(frameMagic), index[:indexEntry-8]...))
		offset := binary.LittleEndian.Uint64(index[indexEntry-8:])
		if err != nil || offset > foot.framesEnd || uint64(found.frameSize()) > foot.framesEnd-offset {
			return false
		}
		slots = append(slots, slot{header: found, known: true, file: file.Name, offset: int64(offset), size: found.frameSize()})
	}
	for _, s := range slots {
		h.add(s)
	}
	return true
}

// pack writes the packed file of an hour's slots and opaque regions.
func (l *Log) pack(ctx context.Context, to io.Writer, slots []slot, opaque []region) error {
	out := bufio.NewWriterSize(to, 256<<10)
	reader := &fileReader{storage: l.storage, ahead: readAhead}
	var index []byte
	foot := footer{}
	for _, s := range slots {
		frame, err := reader.read(ctx, s)
		if err != nil {
			return err
		}
		head, err := parseHeader(frame)
		if err != nil || head.at != s.header.at || head.frameSize() != s.size {
			return errDamaged
		}
		// A frame whose payload is damaged is kept as it is: reads report it.
		index = append(index, frame[len(frameMagic):headerSize]...)
		index = binary.LittleEndian.AppendUint64(index, foot.framesEnd)
		if _, err := out.Write(frame); err != nil {
			return err
		}
		foot.framesEnd += uint64(s.size)
		foot.count++
	}
	foot.indexStart = foot.framesEnd
	for _, r := range opaque {
		part, err := l.storage.Read(ctx, r.file, r.offset, int(r.size))
		if err != nil {
			return err
		}
		if _, err := out.Write(part); err != nil {
			return err
		}
		foot.indexStart += uint64(len(part))
	}
	foot.indexCRC = checksum(index)
	if _, err := out.Write(foot.appendTo(index)); err != nil {
		return err
	}
	return out.Flush()
}
