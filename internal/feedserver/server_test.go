package feedserver

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type changing struct {
	mu   sync.Mutex
	body Body
	ok   bool
}

func (c *changing) Current() (Body, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.body, c.ok
}

func (c *changing) set(body Body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.body, c.ok = body, true
}

var testDate = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// answer is a response whose body has been read.
type answer struct {
	StatusCode int
	Header     http.Header
}

func start(t *testing.T) (*changing, *Server, func(path string, header ...string) (answer, []byte)) {
	t.Helper()
	source := &changing{}
	server := New(source, Options{Now: func() time.Time { return testDate }})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return source, server, func(path string, header ...string) (answer, []byte) {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, server.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{response.StatusCode, response.Header}, body
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	first := Body{At: testDate, Network: []byte(`{"general":{},"n":1}`), Transceivers: []byte(`[]`)}
	second := Body{At: testDate, Network: []byte(`{"general":{},"n":2}`)}

	t.Run("status.json names the server's own addresses", func(t *testing.T) {
		t.Parallel()
		_, server, get := start(t)
		_, body := get(StatusPath)
		var status struct {
			Data struct{ V3, Transceivers []string }
		}
		if err := json.Unmarshal(body, &status); err != nil {
			t.Fatal(err)
		}
		if status.Data.V3[0] != server.URL()+NetworkPath || status.Data.Transceivers[0] != server.URL()+TransceiversPath {
			t.Errorf("%s", body)
		}
	})

	t.Run("sends the bytes unchanged with the network's headers", func(t *testing.T) {
		t.Parallel()
		source, _, get := start(t)
		source.set(first)
		response, body := get(NetworkPath)
		if !bytes.Equal(body, first.Network) {
			t.Errorf("%s", body)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Cache-Control": "public, max-age=15",
			"Date": "Fri, 02 Jan 2026 03:04:05 GMT", "Content-Encoding": "", "Content-Length": "20",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if _, body := get(TransceiversPath); !bytes.Equal(body, first.Transceivers) {
			t.Errorf("%s", body)
		}
	})

	t.Run("answers 304 to the tag it gave until the snapshot changes", func(t *testing.T) {
		t.Parallel()
		source, _, get := start(t)
		source.set(first)
		response, _ := get(NetworkPath)
		tag := response.Header.Get("ETag")
		for _, sent := range []string{tag, tag[2:], `"other", ` + tag, "*"} {
			if response, body := get(NetworkPath, "If-None-Match", sent); response.StatusCode != http.StatusNotModified || len(body) != 0 || response.Header.Get("ETag") != tag {
				t.Errorf("%s: %d with %d bytes", sent, response.StatusCode, len(body))
			}
		}
		source.set(second)
		if response, body := get(NetworkPath, "If-None-Match", tag); response.StatusCode != http.StatusOK || !bytes.Equal(body, second.Network) {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	})

	t.Run("compresses when that is accepted", func(t *testing.T) {
		t.Parallel()
		source, _, get := start(t)
		source.set(first)
		for range 2 {
			response, body := get(NetworkPath, "Accept-Encoding", "br, gzip;q=0.9")
			if response.Header.Get("Content-Encoding") != "gzip" {
				t.Fatal(response.Header)
			}
			reader, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err := io.ReadAll(reader); err != nil || !bytes.Equal(plain, first.Network) {
				t.Errorf("%s %v", plain, err)
			}
		}
		if response, _ := get(NetworkPath, "Accept-Encoding", "gzip;q=0"); response.Header.Get("Content-Encoding") != "" {
			t.Error("compressed against the client's word")
		}
		source.set(second)
		response, body := get(NetworkPath, "Accept-Encoding", "gzip")
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err, response.Header)
		}
		if plain, _ := io.ReadAll(reader); !bytes.Equal(plain, second.Network) {
			t.Errorf("an old snapshot's gzip: %s", plain)
		}
	})

	t.Run("says 503 before the first snapshot and 404 for a body the source has not", func(t *testing.T) {
		t.Parallel()
		source, _, get := start(t)
		if response, _ := get(NetworkPath); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Error(response.StatusCode)
		}
		source.set(second)
		if response, _ := get(TransceiversPath); response.StatusCode != http.StatusNotFound {
			t.Error(response.StatusCode)
		}
		if response, _ := get("/v4"); response.StatusCode != http.StatusNotFound {
			t.Error(response.StatusCode)
		}
	})
}
