package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/alert"
)

var update = flag.Bool("update", false, "write the golden files anew")

func message() alert.Message {
	id, detail, value := "7", "squawk 7700 over two samples", 7700.0
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return alert.Message{
		ID: "42", Event: alert.EventOpened, At: at, Severity: "critical", Source: "simulated",
		Text: "Squawk <!channel> & @everyone (BAW1): squawk is 7700, most allowed is 7499",
		Alert: alert.Subject{
			ID: &id, Rule: "squawk", Name: "Squawk", Kind: alert.KindThreshold, Figure: "squawk", Subject: "BAW1", Value: &value,
			Direction: "above", Threshold: 7499, Clear: 7499, Opened: at, Detail: &detail, Labels: map[string]string{"kind": "squawk"},
		},
	}
}

func TestShapes(t *testing.T) {
	for _, kind := range []string{"webhook", "discord", "slack"} {
		t.Run(kind+" has the shape of its golden file", func(t *testing.T) {
			body, err := shape(kind, message())
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			indented.WriteByte('\n')
			path := filepath.Join("testdata", kind+".json")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, indented.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), indented.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSignature compares with what OpenSSL makes of the same:
// printf '1772366400.{"id":"42"}' | openssl dgst -sha256 -hmac 'sixteen characters'.
func TestSignature(t *testing.T) {
	got := signature("sixteen characters", time.Unix(1772366400, 0), []byte(`{"id":"42"}`))
	if want := "t=1772366400,v1=675a4ac13d9d6ccad144dd0460b2513cc4e2e4c68726ea89f286a555cdb324cf"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
