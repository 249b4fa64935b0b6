package feedserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/skyledger/skyledger/internal/fault"
)

// The paths, as VATSIM names them.
const (
	StatusPath       = "/status.json"
	NetworkPath      = "/v3/vatsim-data.json"
	TransceiversPath = "/v3/transceivers-data.json"
)

// Body is what a source has at one moment. The bytes must never change once
// they have been handed out.
type Body struct {
	At           time.Time // update_timestamp of the network body
	Network      []byte
	Transceivers []byte // nil when the source has none: the server answers 404
}

// Source gives the snapshot that is current. It reports false while it has
// none; the server then answers 503. It is called by many goroutines at once.
type Source interface {
	Current() (Body, bool)
}

// Options are what a Server can be told. The zero value is ready for use.
type Options struct {
	Now func() time.Time // the clock of the Date header; time.Now when nil
}

// Server serves one source. Make it with New, then Start it.
type Server struct {
	source Source
	now    func() time.Time

	mu           sync.Mutex
	network      rendered
	transceivers rendered

	http     *http.Server
	listener net.Listener
	done     chan struct{}
}

// New returns a server for source; nothing listens until Start.
func New(source Source, options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Server{source: source, now: options.Now}
}

// Start listens on addr ("127.0.0.1:0" picks a free port) and serves until
// Close.
func (s *Server) Start(addr string) error {
	const op = "feedserver.Start"
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fault.E(op, fault.Unavailable, "listen", err).
			WithMessage(fmt.Sprintf("the feed cannot be served on %s", addr))
	}
	s.listener = listener
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // always returns ErrServerClosed or what Close provoked
	}()
	return nil
}

// URL is the address of the started server, without a trailing slash.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// StatusURL is the address of the started server's status.json.
func (s *Server) StatusURL() string { return s.URL() + StatusPath }

// Close lets answers in progress finish for up to two seconds, then ends them.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

// Handler returns the routes without a listener.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+StatusPath, s.serveStatus)
	mux.HandleFunc("GET "+NetworkPath, s.serveNetwork)
	mux.HandleFunc("GET "+TransceiversPath, s.serveTransceivers)
	return mux
}

// StatusBody is a status.json that names the feed below base.
func StatusBody(base string) []byte {
	return fmt.Appendf(nil, `{"data":{"v3":[%q],"transceivers":[%q],"servers":[]},"user":[],"metar":[]}`,
		base+NetworkPath, base+TransceiversPath)
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	// The host the client used is the one that reaches us, whatever we bound to.
	body := StatusBody("http://" + r.Host)
	s.send(w, r, rendered{plain: body, etag: etagOf(body)})
}

func (s *Server) serveNetwork(w http.ResponseWriter, r *http.Request) {
	s.serveBody(w, r, &s.network, func(b Body) []byte { return b.Network })
}

func (s *Server) serveTransceivers(w http.ResponseWriter, r *http.Request) {
	s.serveBody(w, r, &s.transceivers, func(b Body) []byte { return b.Transceivers })
}

func (s *Server) serveBody(w http.ResponseWriter, r *http.Request, cache *rendered, pick func(Body) []byte) {
	current, ok := s.source.Current()
	if !ok {
		w.Header().Set("Retry-After", "15")
		http.Error(w, "no snapshot yet", http.StatusServiceUnavailable)
		return
	}
	body := pick(current)
	if body == nil {
		http.Error(w, "this source has no such body", http.StatusNotFound)
		return
	}
	s.mu.Lock()
	if !cache.of(body) {
		*cache = rendered{plain: body, etag: etagOf(body)}
	}
	if cache.gzip == nil && acceptsGzip(r) && !matches(r, cache.etag) {
		cache.gzip = compress(body)
	}
	answer := *cache
	s.mu.Unlock()
	s.send(w, r, answer)
}

// rendered is a body with what is computed from it once.
type rendered struct {
	plain []byte
	gzip  []byte // nil until somebody accepts it
	etag  string
}

// of reports whether r was made from this very slice; bodies never change, so
// its identity stands for its content.
func (r *rendered) of(body []byte) bool {
	return len(r.plain) == len(body) && len(body) > 0 && &r.plain[0] == &body[0]
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, answer rendered) {
	header := w.Header()
	header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	header.Set("Cache-Control", "public, max-age=15")
	header.Set("Vary", "Accept-Encoding")
	header.Set("ETag", answer.etag)
	if matches(r, answer.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := answer.plain
	if answer.gzip != nil && acceptsGzip(r) {
		body = answer.gzip
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client left: nobody to tell
	}
}

// etagOf is weak because the same tag stands for the plain and the gzip form.
func etagOf(body []byte) string {
	return fmt.Sprintf(`W/"%016x-%x"`, xxhash.Sum64(body), len(body))
}

// matches compares weakly, as RFC 9110 wants it for If-None-Match.
func matches(r *http.Request, etag string) bool {
	opaque := strings.TrimPrefix(etag, "W/")
	for _, line := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == opaque {
				return true
			}
		}
	}
	return false
}

func acceptsGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(coding, ";")
			name = strings.TrimSpace(name)
			if name != "gzip" && name != "*" {
				continue
			}
			quality := strings.TrimSpace(parameters)
			return quality != "q=0" && quality != "q=0.0" && quality != "q=0.00" && quality != "q=0.000"
		}
	}
	return false
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body) / 4)
	// A level outside the range is the only error; writing to memory has none.
	writer, _ := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
	_, _ = writer.Write(body)
	_ = writer.Close()
	return out.Bytes()
}
