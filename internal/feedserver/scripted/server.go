package scripted

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/feedserver"
)

// Step answers one request. It may block until the client leaves
// (r.Context().Done()) or until the server is closed, which cancels every
// request as well.
type Step func(w http.ResponseWriter, r *http.Request)

// Request is one line of the log.
type Request struct {
	At     time.Time // when its header had arrived
	Method string
	Path   string
	Header http.Header
	Step   int // the how manieth request for this path it was, from 0
}

// Server answers by script. Make it with Start.
type Server struct {
	http     *http.Server
	listener net.Listener
	done     chan struct{}

	mu      sync.Mutex
	queues  map[string][]Step
	lasting map[string]Step
	served  map[string]int
	log     []Request
	arrived chan struct{} // closed and replaced at each request
}

// Start listens on a free port of 127.0.0.1. Until told otherwise status.json
// names the server's own addresses and every other path answers 404.
func Start() (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("scripted.Start: %w", err)
	}
	s := &Server{
		listener: listener, done: make(chan struct{}), arrived: make(chan struct{}),
		queues: map[string][]Step{}, lasting: map[string]Step{}, served: map[string]int{},
	}
	s.Always(feedserver.StatusPath, JSON(feedserver.StatusBody(s.URL())))
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // returns when closed
	}()
	return s, nil
}

// URL is the server's address, without a trailing slash.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// StatusURL is the address of its status.json.
func (s *Server) StatusURL() string { return s.URL() + feedserver.StatusPath }

// Close ends every connection at once and waits until nothing listens.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Then queues steps for a path; each answers one request.
func (s *Server) Then(path string, steps ...Step) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[path] = append(s.queues[path], steps...)
	return s
}

// Always answers a path whenever its queue is empty.
func (s *Server) Always(path string, step Step) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasting[path] = step
	return s
}

// Network queues steps for the network body.
func (s *Server) Network(steps ...Step) *Server { return s.Then(feedserver.NetworkPath, steps...) }

// Transceivers queues steps for the transceivers body.
func (s *Server) Transceivers(steps ...Step) *Server {
	return s.Then(feedserver.TransceiversPath, steps...)
}

// Requests returns the log so far, for one path or, with "", for all.
func (s *Server) Requests(path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == "" {
		return slices.Clone(s.log)
	}
	var out []Request
	for _, request := range s.log {
		if request.Path == path {
			out = append(out, request)
		}
	}
	return out
}

// Pending returns how many queued steps of a path have not been used.
func (s *Server) Pending(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queues[path])
}

// Arrived is closed when the next request arrives.
func (s *Server) Arrived() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrived
}

// ServeHTTP logs the request and plays its step.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.next(r)(w, r)
}

func (s *Server) next(r *http.Request) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := r.URL.Path
	s.log = append(s.log, Request{
		At: time.Now(), Method: r.Method, Path: path, Header: r.Header.Clone(), Step: s.served[path],
	})
	s.served[path]++
	close(s.arrived)
	s.arrived = make(chan struct{})
	if queue := s.queues[path]; len(queue) > 0 {
		s.queues[path] = queue[1:]
		return queue[0]
	}
	if step := s.lasting[path]; step != nil {
		return step
	}
	return Status(http.StatusNotFound)
}
