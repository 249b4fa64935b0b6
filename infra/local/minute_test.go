package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMinuteLine(t *testing.T) {
	now := time.Date(2026, 11, 24, 2, 40, 0, 0, time.UTC)
	before := totals{"ticks": 10, "projected": 9, "rows": 1000, "tick_ms": 500, "log_bytes": 1000}
	t.Run("says what came since the last line", func(t *testing.T) {
		after := totals{"ticks": 14, "projected": 13, "rows": 13345, "tick_ms": 900, "log_bytes": 125000, "rejected_rows": 2}
		got := minuteLine(now, before, after, totals{"lag_s": 3.4})
		want := "2026-11-24 02:40  ticks   4  new   4  rows    12,345  tick   100 ms  lag    3 s  log   124 kB  rejected rows 2"
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("has the same columns when nothing came", func(t *testing.T) {
		full := minuteLine(now, totals{}, totals{"ticks": 4, "projected": 4, "rows": 9, "tick_ms": 8, "log_bytes": 7}, totals{"lag_s": 1})
		empty := minuteLine(now, before, before, totals{})
		if len([]rune(full)) != len([]rune(empty)) {
			t.Errorf("%q\n%q", full, empty)
		}
	})
}

func TestSummary(t *testing.T) {
	var out bytes.Buffer
	summary(&out, 1234*time.Millisecond, totals{"ticks": 5, "ticks_received": 4, "projected": 4, "rows": 4100, "rejected_rows": 100, "body_bytes": 5e6, "log_bytes": 3e5, "tick_ms": 50}, 1)
	for _, wanted := range []string{"1.2s", "5 (4 with a new snapshot", "4,000 stored, 100 rejected", "10.0 ms", "300 kB for 5.0 MB", "1 messages given up"} {
		if !strings.Contains(out.String(), wanted) {
			t.Errorf("no %q in\n%s", wanted, out.String())
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	tests := map[int64][2]string{
		0: {"0", "0 B"}, 999: {"999", "999 B"}, 1000: {"1,000", "1 kB"}, -1234567: {"-1,234,567", "-1234567 B"},
		1234567: {"1,234,567", "1.2 MB"}, 12_345_678_901: {"12,345,678,901", "12.3 GB"},
	}
	for n, want := range tests {
		if got := [2]string{grouped(n), bytesText(n)}; got != want {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
}
