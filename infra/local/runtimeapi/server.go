package runtimeapi

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The paths and headers of "Using the Lambda runtime API for custom runtimes"
// (AWS Lambda developer guide).
const (
	version   = "/2018-06-01/runtime"
	mostBytes = 6 << 20 // of a response, as Lambda has it
)

// invocation is one on its way through the process.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	answered chan answer
	given    time.Time
}

type answer struct {
	body   []byte
	failed bool
	took   time.Duration
}

// server is the Runtime API of one process.
type server struct {
	options    Options
	http       *http.Server
	listener   net.Listener
	served     chan struct{}
	calls      chan *invocation
	asked      chan time.Time // when the first invocation was asked for
	initFailed chan error

	mu      sync.Mutex
	first   bool
	current *invocation
	once    sync.Once
}

func newServer(options Options) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		options: options, listener: listener, served: make(chan struct{}), calls: make(chan *invocation),
		asked: make(chan time.Time, 1), initFailed: make(chan error, 1), first: true,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+version+"/invocation/next", s.next)
	mux.HandleFunc("POST "+version+"/invocation/{id}/response", s.response)
	mux.HandleFunc("POST "+version+"/invocation/{id}/error", s.failure)
	mux.HandleFunc("POST "+version+"/init/error", s.initError)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener) // it ends when it is closed
	}()
	return s, nil
}

func (s *server) address() string { return s.listener.Addr().String() }

// close ends the server; a second call does nothing.
func (s *server) close() error {
	var err error
	s.once.Do(func() { err = s.http.Close() })
	<-s.served
	return err
}

// next holds the process until there is an invocation for it.
func (s *server) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.first {
		s.first = false
		s.asked <- time.Now()
	}
	s.mu.Unlock()
	var call *invocation
	select {
	case call = <-s.calls:
	case <-r.Context().Done():
		return
	}
	header := w.Header()
	header.Set("Lambda-Runtime-Aws-Request-Id", call.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(s.deadline(call).UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+Region+":000000000000:function:"+s.options.Function)
	header.Set("Lambda-Runtime-Trace-Id", "Root=1-"+traceRoot(time.Now()))
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(call.payload)))
	s.mu.Lock()
	s.current, call.given = call, time.Now()
	s.mu.Unlock()
	_, _ = w.Write(call.payload) // a process that is gone says so by itself
}

// deadline is the call's; a function without a timeout gets Lambda's longest.
func (s *server) deadline(call *invocation) time.Time {
	if s.options.Timeout == 0 {
		return time.Now().Add(15 * time.Minute)
	}
	return call.deadline
}

func (s *server) response(w http.ResponseWriter, r *http.Request) { s.take(w, r, false) }
func (s *server) failure(w http.ResponseWriter, r *http.Request)  { s.take(w, r, true) }

// take accepts the answer of the invocation that is going on.
func (s *server) take(w http.ResponseWriter, r *http.Request, failed bool) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		body, failed = []byte(`{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"the response is larger than 6 MB"}`), true
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	call := s.current
	if call == nil || call.id != r.PathValue("id") {
		s.mu.Unlock()
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"no such invocation is going on"}`, http.StatusBadRequest)
		return
	}
	s.current = nil
	s.mu.Unlock()
	status := http.StatusAccepted
	if tooLarge != nil {
		status = http.StatusRequestEntityTooLarge
	}
	w.WriteHeader(status)
	call.answered <- answer{body: body, failed: failed, took: at.Sub(call.given)}
}

func (s *server) initError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	failed := failureOf(body)
	select {
	case s.initFailed <- failed:
	default: // it has said so before
	}
	w.WriteHeader(http.StatusAccepted)
}

// newID returns a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// traceRoot is an X-Ray trace id's time and random parts.
func traceRoot(at time.Time) string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return strconv.FormatInt(at.Unix(), 16) + "-" + hex.EncodeToString(b[:]) + ";Sampled=0"
}
