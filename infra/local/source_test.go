package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestChooseSource(t *testing.T) {
	choose := func(status int) (source, string) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer server.Close()
		var out bytes.Buffer
		got, err := chooseSource(t.Context(), session{out: &out}, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return got, out.String()
	}
	t.Run("the live feed when it answers", func(t *testing.T) {
		if got, said := choose(http.StatusOK); got.Name != "live" || said != "" {
			t.Errorf("%s, %q", got.Name, said)
		}
	})
	t.Run("a simulation when it does not, and says so", func(t *testing.T) {
		got, said := choose(http.StatusForbidden)
		if got.Name != "simulated" || got.Aircraft != defaultAircraft || !strings.Contains(said, "cannot be reached") {
			t.Errorf("%s, %q", got.Name, said)
		}
	})
	t.Run("nothing when we are stopped meanwhile", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := chooseSource(ctx, session{out: &bytes.Buffer{}}, "http://127.0.0.1:1"); err == nil {
			t.Error("it chose one")
		}
	})
}

func TestRecordedSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "evening")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	direct, err := recordedSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := recordedSource(link)
	if err != nil {
		t.Fatal(err)
	}
	if direct.Name != "recorded:evening" || direct.Key != linked.Key || !strings.HasPrefix(direct.database(), "skyledger_recorded_") {
		t.Errorf("%+v, %+v", direct, linked)
	}
	if _, err := recordedSource(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

func TestCommandsRememberTheLastSource(t *testing.T) {
	data := t.TempDir()
	want := simulatedSource(25)
	if err := rememberSource(data, want); err != nil {
		t.Fatal(err)
	}
	got, err := sourceOf(session{options: options{data: data}})
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(source{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	named := session{options: options{data: data, source: sourceFlag{kind: "live"}}}
	if got, err := sourceOf(named); err != nil || got.Name != "live" {
		t.Error(got, err)
	}
}

func TestSkipGaps(t *testing.T) {
	first := time.Date(2020, 12, 9, 20, 20, 19, 0, time.UTC)
	near := first.Add(70 * time.Minute)
	far := near.AddDate(0, 4, 0)
	skip := skipGaps([]time.Time{first, near, far})
	steps := []struct {
		name     string
		at, want time.Time
	}{
		{"before the first", first.Add(-time.Second), first.Add(-time.Second)},
		{"within a short gap", first.Add(30 * time.Minute), first.Add(30 * time.Minute)},
		{"at the beginning of a long gap", near.Add(settleTime), near.Add(settleTime)},
		{"further in a long gap", near.Add(settleTime + time.Second), far},
		{"after the last", far.Add(time.Hour), far.Add(time.Hour)},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			if got := skip(step.at); !got.Equal(step.want) {
				t.Errorf("got %s, want %s", got, step.want)
			}
		})
	}
}

func TestTickAfter(t *testing.T) {
	at := time.Date(2024, 11, 21, 11, 47, 25, 1, time.UTC)
	want := time.Date(2024, 11, 21, 11, 47, 30, 0, time.UTC)
	if got := tickAfter(at); !got.Equal(want) {
		t.Errorf("got %s", got)
	}
	if got := tickAfter(want); !got.Equal(want) {
		t.Errorf("a tick is not its own: %s", got)
	}
}
