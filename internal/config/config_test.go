package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skyledger/skyledger/internal/config"
)

func TestLoadReadsTheEnvironment(t *testing.T) {
	loaded, err := config.Load([]string{"FEED_TIMEOUT=4s", "RETAIN_LOG=24h", "SOURCE=simulated", "QUERY=a=b", "LOG_LEVEL="})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{loaded.FeedTimeout, loaded.RetainLog, loaded.Source, loaded.LogLevel, loaded.BacklogPerRun}
	if diff := cmp.Diff([]any{4 * time.Second, 24 * time.Hour, "simulated", "info", 240}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadNamesEveryWrongSetting(t *testing.T) {
	_, err := config.Load([]string{
		"FEED_TIMEOUT=soon", "BACKLOG_PER_RUN=many", "LOG_LEVEL=loud", "REDIS_URL=http://cache",
		"DATABASE_URL=mysql://user:secret@host/db", "PARTITIONS_AHEAD=1", "RETAIN_LOG=-1h", "FEED_MAX_BODY=0",
		"API_ACCESS=everybody", "API_CORS_ORIGINS=https://a.example/path", "RATE_LIMIT_KEY=-1",
	})
	if err == nil {
		t.Fatal("wrong settings were accepted")
	}
	for _, name := range []string{"FEED_TIMEOUT", "BACKLOG_PER_RUN", "LOG_LEVEL", "REDIS_URL", "DATABASE_URL", "PARTITIONS_AHEAD", "RETAIN_LOG", "FEED_MAX_BODY", "API_ACCESS", "API_CORS_ORIGINS", "RATE_LIMIT_KEY"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the message does not name %s:\n%v", name, err)
		}
	}
	if n := strings.Count(err.Error(), "BACKLOG_PER_RUN"); n != 1 {
		t.Errorf("one wrong setting is named %d times:\n%v", n, err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the message gives a password away:\n%v", err)
	}
}

func TestOriginsAreThoseOfWebPages(t *testing.T) {
	tests := []struct {
		text string
		want []string // nil: refused
	}{
		{"*", []string{"*"}},
		{"https://Map.example.org, http://localhost:3000", []string{"https://map.example.org", "http://localhost:3000"}},
		{"https://a.example/", nil},
		{"a.example", nil},
		{"ftp://a.example", nil},
		{"https://a.example,", nil},
	}
	for _, test := range tests {
		loaded, err := config.Load([]string{"API_CORS_ORIGINS=" + test.text})
		if (err == nil) != (test.want != nil) {
			t.Errorf("%q: error %v", test.text, err)
			continue
		}
		if got, _ := loaded.Origins(); err == nil && !cmp.Equal(test.want, got) {
			t.Errorf("%q: %v; want %v", test.text, got, test.want)
		}
	}
}

func TestDescribeExplainsEverySetting(t *testing.T) {
	seen := map[string]bool{}
	for _, setting := range config.Describe() {
		if setting.Name == "" || setting.Help == "" || seen[setting.Name] {
			t.Errorf("setting without a name of its own or a sentence: %+v", setting)
		}
		seen[setting.Name] = true
	}
}
