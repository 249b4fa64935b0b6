package api

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzhttp"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/route"
	"github.com/skyledger/skyledger/internal/telemetry"
)

const (
	requestIDHeader  = "X-Request-Id"
	longestRequestID = 128
	leastCompressed  = 1024 // bytes; below, a compressed answer saves no packet
	encodingSuffix   = "-gzip"
	// On a list of 1,500 flights level 1 takes two fifths of the default's time for
	// a fifth more bytes; what is asked for often lies compressed already.
	compressionLevel = 1
)

// wrap puts around the operations what every request passes: its id, one log
// line, shelter from panics, cross-origin access, the gate, unknown paths,
// compression.
func (s *service) wrap() (http.Handler, error) {
	mux := s.mux
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(leastCompressed), gzhttp.SuffixETag(encodingSuffix), gzhttp.CompressionLevel(compressionLevel))
	if err != nil {
		return nil, fault.E("api.New", fault.Internal, "compression", err)
	}
	compressed := compress(mux)
	elsewhere := sync.OnceValues(everythingsMux)
	random := s.Random
	if random == nil {
		random = rand.Reader
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header.Get(requestIDHeader), random)
		r = r.WithContext(telemetry.WithRequest(r.Context(), id))
		header := w.Header()
		header.Set(requestIDHeader, id)
		s.crossOrigin(header, r)
		header.Set("X-Content-Type-Options", "nosniff")
		watched := &watch{ResponseWriter: w, bodyless: r.Method == http.MethodHead}
		began := time.Now()
		pattern := ""
		defer func() { s.report(r, watched, pattern, time.Since(began), recover()) }()
		_, pattern = mux.Handler(r)
		if r.Method == http.MethodOptions {
			allowed, err := s.allowedMethods(r, elsewhere)
			if err != nil {
				s.note(r.Context(), err)
			}
			s.preflight(watched, r, allowed)
			return
		}
		if refusal := s.admit(watched, r, pattern); refusal != nil {
			writeProblem(watched, refusal)
			return
		}
		problem := s.checkQuery(r, pattern)
		switch {
		case pattern == "":
			s.unrouted(watched, r, elsewhere)
		case r.ContentLength > longestBody:
			writeProblem(watched, newProblem(r.Context(), http.StatusRequestEntityTooLarge, "too_large",
				"The request's body may have 64 KB at most."))
		case problem != nil:
			writeProblem(watched, problem)
		case s.direct[r.URL.Path] && takenAsKept(r):
			mux.ServeHTTP(watched, r)
		default:
			compressed(watched, r)
		}
	}), nil
}

// requestID returns the client's id when it is one that may be logged and sent
// back, else a new one.
func requestID(given string, random io.Reader) string {
	if valid := len(given) > 0 && len(given) <= longestRequestID; valid && strings.IndexFunc(given, notOfID) < 0 {
		return given
	}
	var id [16]byte
	// Without randomness an id is still an id, only not a new one.
	_, _ = io.ReadFull(random, id[:])
	return hex.EncodeToString(id[:])
}

func notOfID(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("-_.:/+=@", c)
}

// takenAsKept reports whether a request may be answered with the bytes that lie
// ready: nothing was asked of them, in no encoding that they are not kept in.
func takenAsKept(r *http.Request) bool {
	asked := &ListParams{Accept: r.Header.Get("Accept")}
	return r.URL.RawQuery == "" && asked.format() == formatJSON && !prefersZstd(r.Header.Get("Accept-Encoding"))
}

// unrouted answers what no operation takes: 405 where another method would be
// taken, by this function or another one, else 404. A mux knows which, in its
// own handler for such requests.
func (s *service) unrouted(w http.ResponseWriter, r *http.Request, elsewhere func() (*route.Table, error)) {
	problem := newProblem(r.Context(), http.StatusNotFound, string(fault.NotFound), "There is nothing at "+r.URL.Path+"; /api/docs says what there is.")
	allowed, err := s.allowedMethods(r, elsewhere)
	if err != nil {
		s.note(r.Context(), err)
	}
	if allowed != "" {
		w.Header().Set("Allow", allowed)
		problem = newProblem(r.Context(), http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not possible here; "+allowed+" is.")
	}
	writeProblem(w, problem)
}

// allowedMethods are those that a request's path takes, of whichever function;
// "" for a path that nobody takes. HEAD is one of them for this function's paths
// alone: API Gateway does not take it for another's GET.
func (s *service) allowedMethods(r *http.Request, elsewhere func() (*route.Table, error)) (string, error) {
	all, err := elsewhere()
	if err != nil {
		return "", err
	}
	handler, pattern := all.Handler(r)
	if method, _, _ := strings.Cut(pattern, " "); method == http.MethodGet {
		return http.MethodGet, nil // a HEAD that the gateway sent astray
	}
	verdict := &discard{header: http.Header{}}
	if pattern == "" {
		handler.ServeHTTP(verdict, r)
	}
	allowed := verdict.header.Get("Allow")
	head := r.Clone(r.Context())
	head.Method = http.MethodHead
	if _, own := s.mux.Handler(head); own == "" {
		allowed = strings.Replace(allowed, "GET, HEAD", http.MethodGet, 1)
	}
	return allowed, nil
}

// everythingsMux knows the operations of all functions, to say of a request
// whether its path or only its method is wrong.
func everythingsMux() (*route.Table, error) {
	all, err := everything()
	if err != nil {
		return nil, err
	}
	return all.mux, nil
}

func writeProblem(w http.ResponseWriter, problem *Problem) {
	body, err := json.Marshal(problem)
	if err != nil {
		body = []byte(`{}`)
	}
	header := w.Header()
	for name, values := range problem.GetHeaders() {
		header[name] = values
	}
	header.Set("Content-Type", problemType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(problem.Status)
	_, _ = w.Write(body) // a client that left
}

// report writes the request's log line and counts it, after answering for a panic.
func (s *service) report(r *http.Request, w *watch, pattern string, took time.Duration, panicked any) {
	ctx := r.Context()
	if panicked != nil {
		s.Faults.Note(ctx, fault.E("api.report", fault.Internal, "panic", fmt.Errorf("%v", panicked)))
		telemetry.For(ctx, s.Logger).Error("panic", zap.String("cause", fmt.Sprint(panicked)), zap.ByteString("stack", debug.Stack()))
		if w.status != 0 {
			panic(http.ErrAbortHandler) // too late to say so: break the answer off
		}
		header := w.Header()
		for _, name := range []string{"ETag", "Content-Encoding", "Link", "X-Snapshot"} {
			header.Del(name)
		}
		writeProblem(w, newProblem(ctx, http.StatusInternalServerError, string(fault.Internal), sentence(fault.Internal)))
	}
	outcome := "ok"
	switch {
	case w.status >= http.StatusInternalServerError:
		outcome = "error"
	case w.status >= http.StatusBadRequest:
		outcome = "refused"
		s.Faults.Refused(ctx, codeOf(w.status))
	}
	s.Faults.Request(ctx, routeOf(pattern), w.status, took)
	fields := []zap.Field{
		zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("route", pattern),
		zap.Int("status", w.status), zap.Int64("bytes", w.bytes),
	}
	if w.caller != "" {
		fields = append(fields, zap.String("caller", w.caller))
	}
	if s.Metrics == nil {
		telemetry.For(ctx, s.Logger).Info("request", append(fields, zap.String("outcome", outcome), zap.Duration("took", took))...)
		return
	}
	values := map[string]telemetry.Value{
		"Requests":        {Value: 1, Unit: telemetry.Count},
		"RequestDuration": {Value: float64(took) / float64(time.Millisecond), Unit: telemetry.Milliseconds},
	}
	if outcome == "error" {
		values["RequestErrors"] = telemetry.Value{Value: 1, Unit: telemetry.Count}
	}
	s.Metrics.Emit(ctx, "request", outcome, values, fields...)
}

// routeOf is the name under which requests are counted: what no operation
// takes is one route, however many paths people try.
func routeOf(pattern string) string {
	if pattern == "" {
		return "unknown"
	}
	return pattern
}

// watch notes what was answered.
type watch struct {
	http.ResponseWriter
	status   int
	bytes    int64
	caller   string // id of the key that was shown
	private  bool   // whether the answer is not for everybody
	bodyless bool   // an answer to HEAD; on the way to API Gateway nobody else drops its body
}

func (w *watch) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.keepPrivate()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watch) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		w.keepPrivate()
	}
	if w.bodyless {
		return len(body), nil
	}
	n, err := w.ResponseWriter.Write(body)
	w.bytes += int64(n)
	return n, err
}

// keepPrivate keeps what needed a key out of caches that many people share.
func (w *watch) keepPrivate() {
	if header := w.Header(); w.private {
		header.Set("Cache-Control", strings.Replace(header.Get("Cache-Control"), "public", "private", 1))
	}
}

// Unwrap lets http.ResponseController reach what is below.
func (w *watch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discard takes an answer that is only looked at.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
