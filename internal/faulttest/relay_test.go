package faulttest

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay stands between a client and a server and can fail as a network does:
// refuse connections, cut them, or swallow what the server replies.
type relay struct {
	t      testing.TB
	target string
	addr   string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	swallow  bool // PostgreSQL's replies, from the next completed command on

	running sync.WaitGroup
}

// newRelay forwards to the target, host:port.
func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	r := &relay{t: t, target: target, addr: "127.0.0.1:0", conns: map[net.Conn]bool{}}
	r.resume()
	t.Cleanup(func() {
		r.cut()
		r.running.Wait()
	})
	return r
}

// relayed returns a relay before the server of a URL, and the URL that leads
// through it.
func relayed(t testing.TB, rawURL string) (*relay, string) {
	t.Helper()
	address, err := url.Parse(rawURL)
	must(t, err)
	r := newRelay(t, address.Host)
	address.Host = r.addr
	return r, address.String()
}

// resume takes connections, on the same port as before.
func (r *relay) resume() {
	r.t.Helper()
	var listener net.Listener
	eventually(r.t, "the relay listens", func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", r.addr)
		return err == nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listener, r.addr, r.swallow = listener, listener.Addr().String(), false
	r.running.Add(1)
	go r.accept(listener)
}

func (r *relay) accept(listener net.Listener) {
	defer r.running.Done()
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !r.keep(client, server) {
			_ = client.Close()
			_ = server.Close()
			return
		}
		r.running.Add(2)
		go r.forward(server, client, func() error { _, err := io.Copy(server, client); return err })
		go r.forward(client, server, func() error { return r.replies(client, server) })
	}
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener == nil {
		return false
	}
	for _, conn := range conns {
		r.conns[conn] = true
	}
	return true
}

// forward copies until one side ends, and then ends both.
func (r *relay) forward(to, from net.Conn, copied func() error) {
	defer r.running.Done()
	_ = copied()
	_ = to.Close()
	_ = from.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, to)
	delete(r.conns, from)
}

// replies forwards PostgreSQL's messages one by one while it has been asked to
// swallow some, and bytes as they come before that.
func (r *relay) replies(client io.Writer, server io.Reader) error {
	header := make([]byte, 5)
	swallowing := false
	for {
		if _, err := io.ReadFull(server, header[:1]); err != nil {
			return err
		}
		if !r.isPostgres(header[0]) {
			if _, err := client.Write(header[:1]); err != nil {
				return err
			}
			_, err := io.Copy(client, server)
			return err
		}
		if _, err := io.ReadFull(server, header[1:]); err != nil {
			return err
		}
		message := make([]byte, 5+int(binary.BigEndian.Uint32(header[1:]))-4)
		copy(message, header)
		if _, err := io.ReadFull(server, message[5:]); err != nil {
			return err
		}
		const commandComplete = 'C'
		if swallowing = swallowing || r.swallows() && message[0] == commandComplete; swallowing {
			continue
		}
		if _, err := client.Write(message); err != nil {
			return err
		}
	}
}

// isPostgres tells PostgreSQL's messages from HTTP by their first byte.
func (r *relay) isPostgres(first byte) bool { return first != 'H' }

func (r *relay) swallows() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.swallow
}

// loseReplies lets the server work and its replies vanish, from the next
// completed command on.
func (r *relay) loseReplies() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.swallow = true
}

// cut ends every connection and refuses new ones.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
	}
	for conn := range r.conns {
		_ = conn.Close()
	}
}
