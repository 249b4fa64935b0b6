package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/skyledger/skyledger/internal/fault"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t.UTC().Truncate(time.Microsecond)
}

// body is a snapshot of some kilobytes with general first.
func body(stamp string) []byte {
	var rows strings.Builder
	for i := range 200 {
		fmt.Fprintf(&rows, `{"cid":%d,"callsign":"TST%d","latitude":%d.5},`, 800000+i, i, i%90)
	}
	return fmt.Appendf(nil, `{"general":{"version":3,"update_timestamp":%q},"pilots":[%s{"cid":1}]}`, stamp, rows.String())
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func gz(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(content)
	_ = w.Close()
	return out.Bytes()
}

func zst(content []byte) []byte {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer encoder.Close()
	return encoder.EncodeAll(content, nil)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("orders by the time inside, whatever the names, nesting and compression", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first, second, third := body("2024-11-21T11:47:25.1164247Z"), body("2024-11-21T11:47:40Z"), body("2024-11-21T11:47:55.5Z")
		write(t, dir, "zz/deep/er/a.json", first)
		write(t, dir, "m.JSON.gz", gz(second))
		write(t, dir, "aa/x.json.zst", zst(third))
		write(t, dir, "readme.txt", []byte("not looked at"))
		folder, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Time{at("2024-11-21T11:47:25.116424Z"), at("2024-11-21T11:47:40Z"), at("2024-11-21T11:47:55.5Z")}
		if diff := cmp.Diff(want, folder.Times()); diff != "" {
			t.Error(diff)
		}
		for i, expected := range [][]byte{first, second, third} {
			got, err := folder.Body(i)
			if err != nil || !bytes.Equal(got, expected) {
				t.Errorf("body %d: %d bytes, %v; want %d bytes", i, len(got), err, len(expected))
			}
		}
		if len(folder.Skipped()) != 0 || folder.Duplicates() != 0 {
			t.Errorf("skipped %v, duplicates %d", folder.Skipped(), folder.Duplicates())
		}
	})

	t.Run("finds the time behind everything else", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, "a.json", []byte(`{"update_timestamp":"no","pilots":[{"general":{"update_timestamp":"2001-01-01T00:00:00Z"}}],
			"general":{"x":{"update_timestamp":1},"update_timestamp":"2024-01-01T00:00:00Z"}}`+"\n\n"))
		folder, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := folder.Times()[0]; !got.Equal(at("2024-01-01T00:00:00Z")) {
			t.Error(got)
		}
	})

	t.Run("keeps the first by path of two with the same time", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, "b.json", body("2024-01-01T00:00:00Z"))
		write(t, dir, "a/c.json.gz", gz(body("2024-01-01T00:00:00Z")))
		write(t, dir, "c.json", body("2024-01-01T00:00:15Z"))
		folder, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if folder.Path(0) != filepath.Join("a", "c.json.gz") || folder.Duplicates() != 1 || folder.Len() != 2 {
			t.Errorf("%s, %d duplicates, %d snapshots", folder.Path(0), folder.Duplicates(), folder.Len())
		}
	})

	t.Run("reports progress up to the last file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for i := range 101 {
			write(t, dir, fmt.Sprintf("%d.json", i), body(time.Unix(int64(i), 0).UTC().Format(time.RFC3339)))
		}
		var calls [][2]int
		if _, err := Open(dir, WithProgress(func(done, total int) { calls = append(calls, [2]int{done, total}) })); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][2]int{{100, 101}, {101, 101}}, calls); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOpenSkipsWhatIsNoSnapshotAndSaysWhy(t *testing.T) {
	t.Parallel()
	whole := body("2024-01-01T00:00:00Z")
	for name, test := range map[string]struct {
		file    string
		content []byte
		reason  string
	}{
		"a transceivers list":          {"t.json", []byte(`[{"callsign":"A"}]`), "a list"},
		"an empty file":                {"t.json", nil, "empty"},
		"an HTML page":                 {"t.json", []byte("<html>"), "not"},
		"an object without general":    {"t.json", []byte(`{"pilots":[]}`), "no general"},
		"a general without a time":     {"t.json", []byte(`{"general":{"version":3}}`), "no update_timestamp"},
		"a general that is a list":     {"t.json", []byte(`{"general":[]}`), "not an object"},
		"a time that is a number":      {"t.json", []byte(`{"general":{"update_timestamp":5}}`), "not a text"},
		"a time that is none":          {"t.json", []byte(`{"general":{"update_timestamp":"soon"}}`), "not a time"},
		"a body cut before its time":   {"t.json", whole[:20], "truncated"},
		"a plain body cut in a row":    {"t.json", whole[:len(whole)-9], "truncated"},
		"a gzip file cut in half":      {"t.json.gz", gz(whole)[:len(gz(whole))/2], "truncated"},
		"a gzip file without its end":  {"t.json.gz", gz(whole)[:len(gz(whole))-2], "truncated"},
		"plain text called gzip":       {"t.json.gz", whole, "not gzip"},
		"a zstd file cut in its block": {"t.json.zst", zst(whole)[:len(zst(whole))-40], "truncated"},
		"plain text called zstd":       {"t.json.zst", whole, "magic"},
		"a body over the limit":        {"t.json", bytes.Repeat([]byte(" "), 1<<20), "truncated"},
		"a larger body with its time":  {"t.json", append(bytes.Clone(whole), bytes.Repeat([]byte(" "), 1<<20)...), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, test.file, test.content)
			write(t, dir, "good.json", body("2024-02-02T00:00:00Z"))
			folder, err := Open(dir, WithMaxBody(64<<10))
			if err != nil {
				t.Fatal(err)
			}
			if folder.Len() != 1 || len(folder.Skipped()) != 1 {
				t.Fatalf("%d snapshots, skipped %v", folder.Len(), folder.Skipped())
			}
			if got := folder.Skipped()[0]; got.Path != test.file || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%+v, want a reason with %q", got, test.reason)
			}
		})
	}
}

func TestOpenAcceptsGzipOfSeveralMembers(t *testing.T) {
	t.Parallel()
	dir, whole := t.TempDir(), body("2024-01-01T00:00:00Z")
	write(t, dir, "a.json.gz", append(gz(whole[:len(whole)-3]), gz(whole[len(whole)-3:])...))
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := folder.Body(0); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestOpenRefusesWithAClearSentence(t *testing.T) {
	t.Parallel()
	junk, empty := t.TempDir(), t.TempDir()
	write(t, junk, "a.json", []byte("[]"))
	write(t, empty, "file.txt", []byte("x"))
	for name, test := range map[string]struct{ dir, want string }{
		"a folder that is not there":       {filepath.Join(empty, "nowhere"), "not a folder"},
		"a file":                           {filepath.Join(empty, "file.txt"), "not a folder"},
		"a folder without any candidate":   {empty, "No file with such an ending"},
		"a folder with nothing of any use": {junk, "a.json: a list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(test.dir)
			var classified *fault.Error
			if !errors.As(err, &classified) || classified.Class != fault.Invalid || !strings.Contains(classified.Message, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.json", body("2024-01-01T00:00:00.5Z"))
	write(t, dir, "b.json", body("2024-01-01T00:00:15.5Z"))
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at    string
		index int
		ok    bool
	}{
		{"2024-01-01T00:00:00.4Z", -1, false},
		{"2024-01-01T00:00:00.5Z", 0, true},
		{"2024-01-01T00:00:15.4Z", 0, true},
		{"2024-01-01T00:00:15.5Z", 1, true},
		{"2030-01-01T00:00:00Z", 1, true},
	} {
		if index, ok := folder.Newest(at(test.at)); index != test.index || ok != test.ok {
			t.Errorf("%s: %d %v", test.at, index, ok)
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := body("2024-01-01T00:00:00Z"), body("2024-01-01T00:00:15Z")
	write(t, dir, "a.json", first)
	write(t, dir, "b.json", second)
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := at("2023-12-31T23:59:59Z")
	source := NewSource(folder, func() time.Time { return now })
	if _, ok := source.Current(); ok {
		t.Error("there is a snapshot before the first one")
	}
	now = at("2024-01-01T00:00:14Z")
	current, ok := source.Current()
	if !ok || !bytes.Equal(current.Network, first) || !current.At.Equal(at("2024-01-01T00:00:00Z")) || current.Transceivers != nil {
		t.Errorf("%v %v", current.At, ok)
	}
	if again, _ := source.Current(); &again.Network[0] != &current.Network[0] {
		t.Error("the body was read twice")
	}
	write(t, dir, "b.json", second[:50])
	if err := os.Remove(filepath.Join(dir, "b.json")); err != nil {
		t.Fatal(err)
	}
	now = at("2024-01-01T00:00:15Z")
	if current, ok = source.Current(); !ok || !bytes.Equal(current.Network, first) {
		t.Errorf("a snapshot that cannot be read does not leave the one before: %v %v", current.At, ok)
	}
	if bad := source.Unreadable(); len(bad) != 1 || bad[0].Path != "b.json" {
		t.Error(bad)
	}
}

// The captured snapshots are not part of the repository.
func TestCapturedFolders(t *testing.T) {
	t.Parallel()
	const dir = "../../../shared/data/feed"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no captured snapshots at ../shared/data/feed beside the repository")
	}
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if folder.Len() != 14 || len(folder.Skipped()) != 0 || folder.Duplicates() != 0 {
		t.Fatalf("%d snapshots, skipped %v, duplicates %d", folder.Len(), folder.Skipped(), folder.Duplicates())
	}
	if first := folder.Times()[0]; !first.Equal(at("2020-12-09T20:20:19.901721Z")) {
		t.Error(first)
	}
	for i := range folder.Len() {
		want, err := os.ReadFile(filepath.Join(dir, folder.Path(i)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := folder.Body(i); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not returned byte for byte: %v", folder.Path(i), err)
		}
	}
}

func FuzzFindTimestamp(f *testing.F) {
	f.Add(body("2024-01-01T00:00:00Z")[:300])
	f.Add([]byte(`{"general":{"update_timestamp":"2024-01-01T00:00:00Z"}}`))
	f.Add([]byte(`{"general":{"update_timestamp":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		found, err := findTimestamp(bytes.NewReader(document))
		if err == nil && found.IsZero() {
			t.Error("neither a time nor a reason")
		}
	})
}
