package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/skyledger/skyledger/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	tests := map[string]struct {
		arguments string
		name      string
		want      options
	}{
		"nothing records the best there is": {"", "run", options{speed: 1, listen: "127.0.0.1:8080", data: "/d"}},
		"flags of a recording": {
			"--source recorded:/x:y --speed max --until-end --listen :0", "run",
			options{source: sourceFlag{kind: "recorded", dir: "/x:y"}, listen: ":0", data: "/d", untilEnd: true},
		},
		"flags before and after the command": {
			"--source simulated:25 verify --speed 2.5x", "verify",
			options{source: sourceFlag{kind: "simulated", aircraft: 25}, speed: 2.5, listen: "127.0.0.1:8080", data: "/d"},
		},
		"a command with arguments": {
			"keys add --scope read,query Grafana --expires 720h", "keys",
			options{
				speed: 1, listen: "127.0.0.1:8080", data: "/d", arguments: []string{"add", "Grafana"},
				scope: "read,query", expires: 720 * time.Hour,
			},
		},
		"a yardstick": {
			"evaluate --simulated 300 --minutes 60 --lose --json --seed 7", "evaluate",
			options{
				speed: 1, listen: "127.0.0.1:8080", data: "/d",
				evaluate: evaluation{aircraft: 300, minutes: 60, lose: true, json: true, seed: 7},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, command, err := parse(append([]string{"--data", "/d"}, strings.Fields(test.arguments)...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(options{}, sourceFlag{}, evaluation{})); diff != "" || command != test.name {
				t.Errorf("command %q, %s", command, diff)
			}
		})
	}
	for _, wrong := range []string{
		"--source elsewhere", "--source recorded", "--source recorded:", "--source simulated:0", "--source simulated:many",
		"--source live:1", "--speed 0", "--speed -1", "--speed NaN", "--speed fast", "--until-end", "--speed 5",
		"--source live --speed max", "--nothing", "verify again",
		"--scope read", "verify --expires 1h", "keys add x --expires soon",
		"verify --tracks /x", "run --lose", "evaluate --simulated many",
	} {
		t.Run("refuses "+wrong, func(t *testing.T) {
			if got, _, err := parse(strings.Fields(wrong)); err == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDefaultData(t *testing.T) {
	home := func() (string, error) { return "/home/a", nil }
	homeless := func() (string, error) { return "", errors.New("no home") }
	tests := map[string]struct{ got, want string }{
		"root":             {defaultData(0, "/x", home), "/var/lib/skyledger"},
		"anybody":          {defaultData(7, "", home), "/home/a/.local/share/skyledger"},
		"with XDG":         {defaultData(7, "/x", home), "/x/skyledger"},
		"a wrong XDG":      {defaultData(7, "x", home), "/home/a/.local/share/skyledger"},
		"without any home": {defaultData(7, "", homeless), "skyledger-data"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.got != test.want {
				t.Errorf("got %s, want %s", test.got, test.want)
			}
		})
	}
}

func TestLoopbackOnly(t *testing.T) {
	tests := map[string]bool{
		"127.0.0.1:8080": true, "127.9.9.9:0": true, "[::1]:8080": true, "localhost:80": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:80": false, "192.168.1.2:80": false, "laptop.local:80": false, "127.0.0.1": false,
	}
	for listen, want := range tests {
		if got := loopbackOnly(listen); got != want {
			t.Errorf("%s: %v", listen, got)
		}
	}
}

func TestStart(t *testing.T) {
	run := func(arguments ...string) (int, string, string) {
		var out, complaints bytes.Buffer
		status := start(context.Background(), arguments, nil, &out, &complaints)
		return status, out.String(), complaints.String()
	}
	t.Run("help names every command, flag and setting", func(t *testing.T) {
		for _, asked := range []string{"help", "--help", "-h"} {
			status, out, _ := run(asked)
			if status != 0 {
				t.Errorf("status %d", status)
			}
			wanted := []string{"--source", "--speed", "--until-end", "--listen", "--data"}
			for _, command := range commands() {
				wanted = append(wanted, command.name)
			}
			for _, setting := range config.Describe() {
				wanted = append(wanted, setting.Name)
			}
			for _, word := range wanted {
				if !strings.Contains(out, word) {
					t.Errorf("%s does not name %s", asked, word)
				}
			}
		}
	})
	t.Run("what is wrong is said, with status 2", func(t *testing.T) {
		for _, wrong := range [][]string{{"fly"}, {"--speed", "warp"}} {
			if status, _, complaints := run(wrong...); status != 2 || !strings.Contains(complaints, "help") {
				t.Errorf("%v: status %d, %q", wrong, status, complaints)
			}
		}
	})
	t.Run("wrong settings are refused at the start, all in one message, by every command", func(t *testing.T) {
		data := filepath.Join(t.TempDir(), "none")
		for _, command := range []string{"run", "verify", "rebuild"} {
			var out, complaints bytes.Buffer
			environ := []string{"FEED_TIMEOUT=soon", "LOG_LEVEL=loud", "SKYLEDGER_FETCHED=maybe", "MAVEN_REPOSITORY=ftp://x"}
			status := start(context.Background(), []string{command, "--source", "simulated:1", "--data", data}, environ, &out, &complaints)
			if status != 2 {
				t.Errorf("%s: status %d", command, status)
			}
			for _, name := range []string{"FEED_TIMEOUT", "LOG_LEVEL", "SKYLEDGER_FETCHED", "MAVEN_REPOSITORY"} {
				if !strings.Contains(complaints.String(), "  "+name) {
					t.Errorf("%s does not name %s:\n%s", command, name, complaints.String())
				}
			}
			if _, err := os.Stat(data); err == nil {
				t.Errorf("%s made its data directory before it refused", command)
			}
		}
		if _, err := loadSettings([]string{"SKYLEDGER_FETCHED=0", "MAVEN_REPOSITORY=https://example.org/maven2"}); err != nil {
			t.Error(err)
		}
		if _, err := loadSettings([]string{"SKYLEDGER_FETCHED=2"}); err == nil || !strings.HasPrefix(sentence(err), "these settings are wrong:\n  SKYLEDGER_FETCHED") {
			t.Errorf("a wrong setting of our own: %v", err)
		}
	})
	t.Run("a command before anything was recorded says so", func(t *testing.T) {
		status, _, complaints := run("verify", "--data", filepath.Join(t.TempDir(), "none"))
		if status != 1 || !strings.Contains(complaints, "Nothing was recorded") {
			t.Errorf("status %d, %q", status, complaints)
		}
	})
}
