package rawlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Snapshots 15 s apart differ in a few numbers of each row, so a body is cut
// into pieces and each piece is compressed with the stretch of the base's body
// that it grew out of as raw dictionary. Measured on two true neighbours of
// 901 kB: gzip 202 kB; zstd with the whole base as dictionary 42 kB (28 kB at
// the next level, three times as slow); pieces of 64 KiB at the fastest level
// 22 kB in 5 ms. The hash tables of a compressor remember some 32,000 places:
// with a short dictionary they remember all of it, with a long one its end.
// What is more, time and memory no longer depend on the size of the network.
const (
	pieceSize = 64 << 10
	// pieceSlack is how much more of the base is shown on both sides of the
	// stretch: aircraft that logged on and off in between shift rows.
	pieceSlack = 8 << 10
	// pieceWindow must reach across a piece and its dictionary.
	pieceWindow = 256 << 10
	// smallestBase is the least body worth being a dictionary.
	smallestBase = 1 << 10
	// anchorSize is how many bytes find the place in the base that a piece
	// continues; anchorTries and anchorStep say how often another is tried, as
	// the first may hold a number that changed.
	anchorSize  = 24
	anchorTries = 12
	anchorStep  = 40
	// anchorReach is how far around the expected place is searched.
	anchorReach = 128 << 10
	// plainWindow suffices for a keyframe: rows repeat their neighbours'
	// patterns. A window of the whole body was not measurably better.
	plainWindow = 1 << 20
	dictionary  = 1
)

// bodies are the two parts of a record.
type bodies struct{ network, transceivers []byte }

// encoder makes frames. It keeps about 5 MB.
type encoder struct {
	mu    sync.Mutex
	plain *zstd.Encoder
	piece *zstd.Encoder
}

func newEncoder() (*encoder, error) {
	common := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false)}
	plain, err := zstd.NewWriter(nil, append(common, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(plainWindow))...)
	if err != nil {
		return nil, err
	}
	piece, err := zstd.NewWriter(nil, append(common, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(pieceWindow),
		zstd.WithEncoderDictRaw(dictionary, make([]byte, smallestBase)))...)
	if err != nil {
		return nil, err
	}
	return &encoder{plain: plain, piece: piece}, nil
}

// frame encodes a record; base is nil for a keyframe.
func (e *encoder) frame(rec Record, base *base) (header, []byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := header{
		at: rec.At.UnixMicro(), tick: rec.Tick.UnixMicro(), received: rec.Received.UnixMicro(),
		hash: sha256.Sum256(rec.Network), transceiversCRC: checksum(rec.Transceivers),
	}
	var from bodies
	guess := len(rec.Network)/4 + len(rec.Transceivers)/4
	if base != nil {
		from = base.bodies
		guess /= 4
	}
	frame := make([]byte, headerSize, headerSize+guess+1024)
	var err error
	if frame, h.networkForm, h.network, err = e.body(frame, rec.Network, from.network); err != nil {
		return header{}, nil, err
	}
	if frame, h.transceiversForm, h.transceivers, err = e.body(frame, rec.Transceivers, from.transceivers); err != nil {
		return header{}, nil, err
	}
	if h.networkForm == formAbsent { // an empty body is still a body
		h.networkForm = formPlain
	}
	if h.networkForm == formPieces || h.transceiversForm == formPieces {
		h.hasBase, h.base = true, base.at
	}
	h.payloadCRC = checksum(frame[headerSize:])
	h.appendTo(frame[:0])
	return h, frame, nil
}

func (e *encoder) body(dst, body, base []byte) ([]byte, form, size, error) {
	start := len(dst)
	used := formPlain
	var err error
	switch {
	case body == nil:
		return dst, formAbsent, size{}, nil
	case len(base) < smallestBase || len(body) < smallestBase:
		dst = e.plain.EncodeAll(body, dst)
	default:
		used = formPieces
		dst, err = e.encodePieces(dst, body, base)
	}
	return dst, used, size{raw: uint32(len(body)), stored: uint32(len(dst) - start)}, err
}

// encodePieces appends the pieces of body. Each is three unsigned varints and a
// zstd frame: where its dictionary begins in the base's body, how long that is,
// and how long the zstd frame is. A piece holds pieceSize bytes, the last one
// what is left.
func (e *encoder) encodePieces(dst, body, base []byte) ([]byte, error) {
	var compressed []byte
	expected := 0
	for start := 0; start < len(body); start += pieceSize {
		piece := body[start:min(start+pieceSize, len(body))]
		place := findPlace(base, body, start, expected)
		expected = place + len(piece)
		from := max(0, min(place, len(base))-pieceSlack)
		to := min(len(base), place+len(piece)+pieceSlack)
		if to-from < smallestBase {
			from = max(0, to-smallestBase)
		}
		if err := e.piece.ResetWithOptions(nil, zstd.WithEncoderDictRaw(dictionary, base[from:to])); err != nil {
			return nil, err
		}
		compressed = e.piece.EncodeAll(piece, compressed[:0])
		dst = binary.AppendUvarint(dst, uint64(from))
		dst = binary.AppendUvarint(dst, uint64(to-from))
		dst = binary.AppendUvarint(dst, uint64(len(compressed)))
		dst = append(dst, compressed...)
	}
	// The dictionary is the caller's memory; the encoder must not keep it.
	return dst, e.piece.ResetWithOptions(nil, zstd.WithEncoderDictRaw(dictionary, make([]byte, smallestBase)))
}

// findPlace returns where in base the bytes of body from start on continue,
// as near as possible to the expected place; that place when none is found.
func findPlace(base, body []byte, start, expected int) int {
	expected = min(expected, len(base))
	for try := range anchorTries {
		shift := try * anchorStep
		if start+shift+anchorSize > len(body) {
			break
		}
		anchor := body[start+shift : start+shift+anchorSize]
		for reach := anchorReach / 32; reach <= anchorReach; reach *= 4 {
			place := nearest(base, anchor, expected+shift, reach)
			if place >= shift {
				return place - shift
			}
		}
	}
	return expected
}

// nearest returns where anchor occurs in base within reach of a place, nearest
// to it; -1 when it does not.
func nearest(base, anchor []byte, place, reach int) int {
	from, to := max(0, place-reach), min(len(base), place+reach)
	best := -1
	for from < to {
		found := bytes.Index(base[from:to], anchor)
		if found < 0 {
			break
		}
		found += from
		if best < 0 || found-place < place-best {
			best = found
		}
		if found >= place {
			break
		}
		from = found + 1
	}
	return best
}

// decoder turns frames back into records.
type decoder struct {
	mu   sync.Mutex
	zstd *zstd.Decoder
}

func newDecoder() (*decoder, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxBody), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	return &decoder{zstd: d}, nil
}

// record decodes a frame that passed checkFrame. The bodies are compared with
// what was noted of them when they were received: they are right or errDamaged
// is returned.
func (d *decoder) record(h header, payload []byte, from bodies) (Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	network, err := d.body(h.networkForm, h.network, payload[:h.network.stored], from.network)
	if err != nil {
		return Record{}, err
	}
	transceivers, err := d.body(h.transceiversForm, h.transceivers, payload[h.network.stored:], from.transceivers)
	if err != nil {
		return Record{}, err
	}
	if sha256.Sum256(network) != h.hash || checksum(transceivers) != h.transceiversCRC {
		return Record{}, errDamaged
	}
	return Record{
		At: fromMicros(h.at), Tick: fromMicros(h.tick), Received: fromMicros(h.received),
		Network: network, Transceivers: transceivers,
	}, nil
}

func (d *decoder) body(f form, s size, stored, base []byte) ([]byte, error) {
	if f == formAbsent {
		return nil, nil
	}
	body := make([]byte, 0, s.raw)
	var err error
	if f == formPlain {
		body, err = d.zstd.DecodeAll(stored, body)
	} else {
		body, err = d.pieces(body, stored, base)
	}
	if err != nil || len(body) != int(s.raw) {
		return nil, errDamaged
	}
	return body, nil
}

func (d *decoder) pieces(body, stored, base []byte) ([]byte, error) {
	for len(stored) > 0 {
		var numbers [3]uint64
		for i := range numbers {
			n, width := binary.Uvarint(stored)
			if width <= 0 || n > maxBody {
				return nil, errDamaged
			}
			numbers[i], stored = n, stored[width:]
		}
		from, to, length := numbers[0], numbers[0]+numbers[1], numbers[2]
		if to > uint64(len(base)) || length > uint64(len(stored)) {
			return nil, errDamaged
		}
		err := d.zstd.ResetWithOptions(nil, zstd.WithDecoderDictRaw(dictionary, base[from:to]))
		if err != nil {
			return nil, err
		}
		if body, err = d.zstd.DecodeAll(stored[:length], body); err != nil {
			return nil, err
		}
		stored = stored[length:]
	}
	return body, d.zstd.ResetWithOptions(nil, zstd.WithDecoderDictDelete())
}
