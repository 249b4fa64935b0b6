package scripted

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/feedserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) (*Server, *http.Client) {
	t.Helper()
	server, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = server.Close()
	})
	return server, client
}

// fetch returns the status, 0 when there was no response, and the body.
func fetch(ctx context.Context, client *http.Client, url string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	return response.StatusCode, body, err
}

func TestSteps(t *testing.T) {
	t.Parallel()
	whole := bytes.Repeat([]byte("0123456789"), 100)
	for name, test := range map[string]struct {
		step   Step
		status int // 0: no response at all
		body   []byte
		broken bool // reading the body fails
	}{
		"JSON sends the body":                   {JSON(whole), 200, whole, false},
		"a status comes with its text":          {Status(503), 503, []byte("Service Unavailable\n"), false},
		"Retry-After is sent":                   {RetryAfter(429, 7), 429, []byte{}, false},
		"gzip is sent as gzip":                  {Gzipped(whole), 200, whole, false},
		"a truncated body is a whole response":  {Truncated(whole, 10), 200, whole[:10], false},
		"too long a length ends early":          {WrongLength(whole, 2000), 200, whole, true},
		"too short a length cuts":               {WrongLength(whole, 500), 200, whole[:500], false},
		"a reset in the body":                   {Reset(whole, 10), 200, nil, true},
		"a reset before the header":             {Reset(whole, -1), 0, nil, true},
		"a trickle arrives in the end":          {Trickle(whole, 500, time.Millisecond), 200, whole, false},
		"a delay passes":                        {After(time.Millisecond, JSON(whole)), 200, whole, false},
		"spaces follow the prefix":              {Spaces([]byte("{"), 5), 200, []byte("{     "), false},
		"a bomb decodes to more than it weighs": {GzipBomb([]byte("{"), 8<<20), 200, append([]byte("{"), bytes.Repeat([]byte(" "), 8<<20)...), false},
		"an empty 304":                          {With(304, nil, nil), 304, []byte{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := start(t)
			server.Network(test.step)
			status, body, err := fetch(t.Context(), client, server.URL()+feedserver.NetworkPath)
			if (err != nil) != test.broken {
				t.Fatalf("error %v", err)
			}
			if status != test.status {
				t.Errorf("status %d", status)
			}
			if test.body != nil && !test.broken && !bytes.Equal(body, test.body) {
				t.Errorf("%d bytes %.40q", len(body), body)
			}
		})
	}
}

func TestStepsThatNeverEnd(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]Step{
		"mute":                Mute(),
		"silence":             Silence([]byte("{}"), 1),
		"a very slow trickle": Trickle([]byte("{}"), 1, time.Hour),
		"a hold":              Hold(make(chan struct{}), Status(200)),
	} {
		t.Run(name+" lasts until the client leaves", func(t *testing.T) {
			t.Parallel()
			server, client := start(t)
			server.Network(step)
			arrived := server.Arrived()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-arrived
				cancel()
			}()
			if _, _, err := fetch(ctx, client, server.URL()+feedserver.NetworkPath); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	server, client := start(t)
	server.Network(Status(500), JSON([]byte("1"))).Always(feedserver.NetworkPath, Tagged(`"a"`, []byte("2")))
	var got []string
	for range 4 {
		_, body, err := fetch(t.Context(), client, server.URL()+feedserver.NetworkPath)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(body))
	}
	if want := []string{"Internal Server Error\n", "1", "2", "2"}; got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
		t.Error(got)
	}
	if status, _, _ := fetch(t.Context(), client, server.URL()+"/elsewhere"); status != 404 {
		t.Error(status)
	}
	if _, body, _ := fetch(t.Context(), client, server.StatusURL()); !bytes.Contains(body, []byte(server.URL()+feedserver.NetworkPath)) {
		t.Errorf("%s", body)
	}
	log := server.Requests(feedserver.NetworkPath)
	if len(log) != 4 || log[3].Step != 3 || log[0].At.After(log[3].At) || len(server.Requests("")) != 6 || server.Pending(feedserver.NetworkPath) != 0 {
		t.Errorf("%+v", log)
	}
}
