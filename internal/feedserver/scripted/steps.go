package scripted

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// JSON answers 200 with the body as it is.
func JSON(body []byte) Step { return With(http.StatusOK, nil, body) }

// Status answers with a status and a short text.
func Status(code int) Step { return With(code, nil, []byte(http.StatusText(code)+"\n")) }

// RetryAfter answers with a status and a Retry-After of so many seconds.
func RetryAfter(code int, seconds int) Step {
	return With(code, http.Header{"Retry-After": {strconv.Itoa(seconds)}}, nil)
}

// With answers with a status, headers and a body, Content-Length set.
func With(code int, header http.Header, body []byte) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		if code != http.StatusNotModified && code != http.StatusNoContent {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(code)
		if r.Method != http.MethodHead && code != http.StatusNotModified && code != http.StatusNoContent {
			_, _ = w.Write(body)
		}
	}
}

// Tagged answers 200 with an ETag, and 304 to a request that names it.
func Tagged(etag string, body []byte) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		header := http.Header{"ETag": {etag}}
		if r.Header.Get("If-None-Match") == etag {
			With(http.StatusNotModified, header, nil)(w, r)
			return
		}
		With(http.StatusOK, header, body)(w, r)
	}
}

// Gzipped answers 200 with the body compressed, whatever was accepted.
func Gzipped(body []byte) Step {
	return With(http.StatusOK, http.Header{"Content-Encoding": {"gzip"}}, compress(body))
}

// HTML answers 200 with a page, as a captive portal or a CDN's error does.
func HTML() Step {
	page := []byte("<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>" +
		"<body><h1>Sorry, we will be right back</h1></body></html>\n")
	return With(http.StatusOK, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, page)
}

// Mute never answers: the request is read and then nothing happens.
func Mute() Step {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

// Silence sends the header and the first n bytes of body, then nothing more.
func Silence(body []byte, n int) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		begin(w, len(body))
		_, _ = w.Write(body[:n])
		flush(w)
		<-r.Context().Done()
	}
}

// Trickle sends the body n bytes at a time, one portion every interval.
func Trickle(body []byte, n int, interval time.Duration) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		begin(w, len(body))
		flush(w)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for rest := body; len(rest) > 0; {
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
			}
			portion := min(n, len(rest))
			if _, err := w.Write(rest[:portion]); err != nil {
				return
			}
			flush(w)
			rest = rest[portion:]
		}
	}
}

// After waits before it plays step: a slow server, or a late snapshot.
func After(delay time.Duration, step Step) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
		case <-timer.C:
			step(w, r)
		}
	}
}

// Hold waits until release is closed before it plays step.
func Hold(release <-chan struct{}, step Step) Step {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
			step(w, r)
		}
	}
}

// Truncated answers a well-formed response whose body is the first n bytes.
func Truncated(body []byte, n int) Step { return JSON(body[:n]) }

// WrongLength declares another Content-Length than the body has: a longer one
// ends in a connection closed early, a shorter one in a cut body.
func WrongLength(body []byte, declared int) Step {
	return func(w http.ResponseWriter, _ *http.Request) {
		raw(w, func(conn net.Conn) {
			head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", declared)
			_, _ = conn.Write(append(head, body...))
		})
	}
}

// Reset declares the whole body, sends n bytes of it and resets the
// connection. With n < 0 not even a header is sent.
func Reset(body []byte, n int) Step {
	return func(w http.ResponseWriter, _ *http.Request) {
		raw(w, func(conn net.Conn) {
			if n >= 0 {
				head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
				_, _ = conn.Write(append(head, body[:n]...))
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // close sends RST, not FIN
			}
		})
	}
}

// Spaces streams prefix and then n spaces, without a Content-Length.
func Spaces(prefix []byte, n int64) Step {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(prefix)
		_ = pour(w, bytes.Repeat([]byte{' '}, 64<<10), n)
	}
}

// GzipBomb streams a gzip body that decodes to prefix and then decoded spaces
// (about a thousand times what goes over the wire), made as it is sent.
func GzipBomb(prefix []byte, decoded int64) Step {
	const member = 8 << 20
	// A gzip stream may consist of many members: one is made and repeated.
	spaces := compress(bytes.Repeat([]byte{' '}, member))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compress(prefix))
		_ = pour(w, spaces, (decoded+member-1)/member*int64(len(spaces)))
	}
}

func begin(w http.ResponseWriter, length int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// raw takes the connection over from the HTTP server and closes it after use.
func raw(w http.ResponseWriter, use func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	use(conn)
}

// pour writes block again and again until total bytes are out.
func pour(w http.ResponseWriter, block []byte, total int64) error {
	for total > 0 {
		portion := min(int64(len(block)), total)
		if _, err := w.Write(block[:portion]); err != nil {
			return err
		}
		total -= portion
	}
	return nil
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, _ = writer.Write(body) // memory does not fail
	_ = writer.Close()
	return out.Bytes()
}
