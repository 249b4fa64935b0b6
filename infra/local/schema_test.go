//go:build schemathesis

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/reference/referencetest"
)

// TestSchema holds the running API against its own description: schemathesis
// (SCHEMATHESIS names the program) makes requests of it, right and wrong ones,
// and finds an answer of 5xx, a status, media type or shape that the
// description does not have, or a wrong request that was taken.
func TestSchema(t *testing.T) {
	program := os.Getenv("SCHEMATHESIS")
	if program == "" {
		t.Fatal("SCHEMATHESIS does not name the program: run make schema")
	}
	address := serve(t)
	command := exec.CommandContext(t.Context(), program, "run", "http://"+address+"/api/openapi.json",
		"--max-examples", "40", "--workers", "1", "--seed", "1", "--checks", "all",
		// A cursor is one that an answer gave, which no schema can say; and on
		// loopback, where this runs, queries are open without the key they need
		// elsewhere.
		"--exclude-checks", "positive_data_acceptance,ignored_auth",
		// What changes something is tested where its effect can be looked at.
		"--exclude-path", "/api/performance/optimize")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		t.Error(err)
	}
}

// serve runs a simulation until the test ends and returns where it answers,
// once the first snapshot is there.
func serve(t *testing.T) (address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	arguments := []string{"--source", "simulated:200", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--reference", referencetest.Dir(t)}
	if err := os.Chmod(arguments[3], 0o755); err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- start(ctx, arguments, append(os.Environ(), "RATE_LIMIT_ADDRESS=0"), write, os.Stderr)
		write.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != 0 {
			t.Errorf("the runner ended with %d", status)
		}
	})
	lines := bufio.NewScanner(read)
	open := regexp.MustCompile(`^\s+open\s+http://([^/]+)/`)
	for lines.Scan() {
		if found := open.FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	if address == "" {
		t.Fatal("the runner did not say where it answers")
	}
	waitForSnapshot(t, address)
	return address
}

// waitForSnapshot asks until something is recorded: a tick takes 15 s to come.
func waitForSnapshot(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if answer, err := http.Get("http://" + address + "/api/network/status"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-t.Context().Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
	t.Fatal("nothing was recorded within a minute")
}
