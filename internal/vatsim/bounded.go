package vatsim

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/skyledger/skyledger/internal/fault"
)

var (
	errStall    = errors.New("no byte came for too long")
	errTooLarge = errors.New("the body is larger than allowed")
)

// stallWatch cancels an attempt that makes no progress.
type stallWatch struct {
	limit time.Duration
	timer *time.Timer
}

// newStallWatch starts with twice the limit: until the first byte there are a
// name to look up, a connection and a handshake to make.
func newStallWatch(limit time.Duration, cancel context.CancelCauseFunc) *stallWatch {
	return &stallWatch{limit: limit, timer: time.AfterFunc(2*limit, func() { cancel(errStall) })}
}

func (w *stallWatch) progress() { w.timer.Reset(w.limit) }
func (w *stallWatch) stop()     { w.timer.Stop() }

// wireReader counts and bounds what comes off the wire.
type wireReader struct {
	from  io.Reader
	watch *stallWatch
	count int64
	limit int64
}

func (r *wireReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n > 0 {
		r.watch.progress()
	}
	if r.count += int64(n); r.count > r.limit {
		return 0, errTooLarge
	}
	return n, err
}

// read reads the body, decompressed, within both bounds, whatever the feed
// compresses.
func (c *Client) read(ctx context.Context, op string, response *http.Response, watch *stallWatch, maxBody int64) (body []byte, wire int, err error) {
	if response.ContentLength > c.options.MaxWire {
		return nil, 0, fault.E(op, fault.Upstream, "too_large", nil)
	}
	counted := &wireReader{from: response.Body, watch: watch, limit: c.options.MaxWire}
	url := response.Request.URL.String()
	var from io.Reader = counted
	switch encoding := response.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzip, err := gzip.NewReader(counted)
		if err != nil {
			return nil, 0, readFault(ctx, op, err)
		}
		defer unzip.Close()
		from = unzip
	default:
		return nil, 0, fault.E(op, fault.Upstream, "encoding", errors.New(encoding))
	}
	body, err = readBounded(from, c.sizeHint(url, response, maxBody), maxBody)
	if err != nil {
		return nil, 0, readFault(ctx, op, err)
	}
	c.mu.Lock()
	c.sizes[url] = len(body)
	c.mu.Unlock()
	return body, int(counted.count), nil
}

// sizeHint guesses the body's size: as the last one, a little more.
func (c *Client) sizeHint(url string, response *http.Response, maxBody int64) int64 {
	c.mu.Lock()
	size := int64(c.sizes[url])
	c.mu.Unlock()
	size += size / 32
	if response.Header.Get("Content-Encoding") == "" {
		size = max(size, response.ContentLength)
	}
	return min(max(size, 64<<10), maxBody) + 1
}

// pieceSize is by how much a body that is longer than expected grows: what a
// bomb may take beyond the limit.
const pieceSize = 1 << 20

// readBounded reads all of from, at first into room for hint bytes, and fails
// with errTooLarge beyond limit. What does not fit is read in pieces that are
// joined at the end: a slice that doubles would leave three times the limit
// behind, and a second attempt as much again.
func readBounded(from io.Reader, hint, limit int64) ([]byte, error) {
	body := make([]byte, 0, hint)
	var full [][]byte
	size := int64(0)
	for {
		if len(body) == cap(body) {
			full = append(full, body)
			body = make([]byte, 0, pieceSize)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		size += int64(n)
		switch {
		case size > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			if len(full) == 0 {
				return body, nil
			}
			return slices.Concat(append(full, body)...), nil
		case err != nil:
			return nil, err
		}
	}
}

// readFault classifies an error met while the body was read.
func readFault(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return fault.E(op, fault.Upstream, "too_large", nil)
	case ctx.Err() != nil:
		return transportFault(ctx, op, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.E(op, fault.Upstream, "truncated", nil)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fault.E(op, fault.Upstream, "gzip", err)
	}
	var network net.Error
	if errors.As(err, &network) || isReset(err) {
		return transportFault(ctx, op, err)
	}
	return fault.E(op, fault.Upstream, "gzip", err) // a flate stream's own errors
}

// transportFault classifies an error of the connection.
func transportFault(ctx context.Context, op string, err error) error {
	var (
		lookup      *net.DNSError
		certificate *tls.CertificateVerificationError
		network     net.Error
	)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errStall):
		return fault.E(op, fault.Timeout, "stall", errStall)
	case errors.Is(cause, context.DeadlineExceeded):
		return fault.E(op, fault.Timeout, "deadline", cause)
	case errors.Is(cause, context.Canceled):
		return fault.E(op, fault.Unavailable, "canceled", cause)
	case errors.As(err, &lookup):
		return fault.E(op, fault.Unavailable, "dns", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.E(op, fault.Unavailable, "connection_refused", err)
	case errors.As(err, &certificate):
		return fault.E(op, fault.Unavailable, "certificate", err)
	case isReset(err):
		return fault.E(op, fault.Upstream, "reset", err)
	case errors.As(err, &network) && network.Timeout():
		return fault.E(op, fault.Timeout, "network_timeout", err)
	default:
		return fault.E(op, fault.Unavailable, "network", err)
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
