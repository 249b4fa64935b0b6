package rawlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A frame is one record as it lies in the log: a header of headerSize bytes,
// the compressed network body, the compressed transceivers body. Numbers are
// little endian, times are microseconds since 1970 in UTC.
//
//	offset size
//	     0    4  magic "SKYF"
//	     4    1  version, 1
//	     5    1  form of the network body
//	     6    1  form of the transceivers body
//	     7    1  flags: bit 0, the frame needs the frame of "base"
//	     8    8  At, the key
//	    16    8  Tick
//	    24    8  Received
//	    32    8  At of the base: the frame of the same hour whose bodies are the dictionary
//	    40    4  network body: bytes as received
//	    44    4  network body: bytes stored
//	    48    4  transceivers body: bytes as received
//	    52    4  transceivers body: bytes stored
//	    56   32  SHA-256 of the network body as received
//	    88    4  CRC-32C of the transceivers body as received
//	    92    4  CRC-32C of everything after the header
//	    96    4  CRC-32C of the 96 bytes before
//
// A body's form is absent (nil as opposed to empty), plain (one zstd frame), or
// pieces (see encodePieces). A base lies in the same UTC hour as the frames that
// need it, so that an hour can be packed, moved or removed without any other.
const (
	frameMagic   = "SKYF"
	frameVersion = 1
	headerSize   = 100
	flagBase     = 1
)

// maxBody bounds a body. The feed client lets at most 32 MB in; the double
// leaves room for a network ten times as large.
const maxBody = 64 << 20

// maxRatio is more than zstd can expand one stored byte to (a block of 128 KiB
// repeats one byte and takes four). A forged header cannot ask for more memory.
const maxRatio = 32 << 10

type form byte

const (
	formAbsent form = iota
	formPlain
	formPieces
)

var (
	errNotFrame = errors.New("not a frame")
	errDamaged  = errors.New("frame is damaged")
)

// size is what a body measures as received and as stored, in bytes.
type size struct{ raw, stored uint32 }

type header struct {
	at, tick, received, base int64
	hasBase                  bool
	networkForm              form
	transceiversForm         form
	network, transceivers    size
	hash                     [32]byte
	transceiversCRC          uint32
	payloadCRC               uint32
}

// frameSize is what the frame takes in the log, in bytes.
func (h header) frameSize() int64 {
	return headerSize + int64(h.network.stored) + int64(h.transceivers.stored)
}

func (h header) entry() Entry {
	return Entry{
		At: fromMicros(h.at), Tick: fromMicros(h.tick), Received: fromMicros(h.received),
		Bytes: int(h.network.raw) + int(h.transceivers.raw), Stored: int(h.frameSize()), Hash: h.hash,
	}
}

func (h header) appendTo(dst []byte) []byte {
	start := len(dst)
	flags := byte(0)
	if h.hasBase {
		flags |= flagBase
	}
	dst = append(dst, frameMagic...)
	dst = append(dst, frameVersion, byte(h.networkForm), byte(h.transceiversForm), flags)
	for _, moment := range []int64{h.at, h.tick, h.received, h.base} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(moment))
	}
	for _, count := range []uint32{h.network.raw, h.network.stored, h.transceivers.raw, h.transceivers.stored} {
		dst = binary.LittleEndian.AppendUint32(dst, count)
	}
	dst = append(dst, h.hash[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, h.transceiversCRC)
	dst = binary.LittleEndian.AppendUint32(dst, h.payloadCRC)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// parseHeader reads a header from the first bytes of b. It returns errNotFrame
// when they are none, whole and plausible.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize || string(b[:4]) != frameMagic || b[4] != frameVersion {
		return header{}, errNotFrame
	}
	if binary.LittleEndian.Uint32(b[96:]) != checksum(b[:96]) {
		return header{}, errNotFrame
	}
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	moment := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }
	h := header{
		at: moment(8), tick: moment(16), received: moment(24), base: moment(32),
		hasBase:     b[7]&flagBase != 0,
		networkForm: form(b[5]), transceiversForm: form(b[6]),
		network:         size{raw: number(40), stored: number(44)},
		transceivers:    size{raw: number(48), stored: number(52)},
		transceiversCRC: number(88), payloadCRC: number(92),
	}
	copy(h.hash[:], b[56:88])
	if h.networkForm == formAbsent || !h.network.plausible(h.networkForm) || !h.transceivers.plausible(h.transceiversForm) {
		return header{}, errNotFrame
	}
	return h, nil
}

func (s size) plausible(f form) bool {
	if f > formPieces || s.raw > maxBody || s.stored > maxBody+maxBody/8 {
		return false
	}
	if f == formAbsent {
		return s == size{}
	}
	return uint64(s.raw) <= maxRatio*uint64(s.stored)
}

// checkFrame parses a whole frame and verifies what is stored of it.
func checkFrame(frame []byte) (header, error) {
	h, err := parseHeader(frame)
	if err != nil {
		return header{}, err
	}
	if int64(len(frame)) != h.frameSize() || checksum(frame[headerSize:]) != h.payloadCRC {
		return header{}, errDamaged
	}
	return h, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// hourOf returns the UTC hour a key belongs to.
func hourOf(at int64) time.Time { return fromMicros(at).Truncate(time.Hour) }
