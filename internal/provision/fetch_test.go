package provision

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestFetch(t *testing.T) {
	const body = "what we know"
	sum := sha256.Sum256([]byte(body))
	known := artifact{name: "thing", path: "a/b.jar", size: int64(len(body)), sha256: hex.EncodeToString(sum[:])}

	tests := map[string]struct {
		answer http.HandlerFunc
		works  bool
	}{
		"the file we know is kept":       {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }, true},
		"another file is refused":        {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("what we knew")) }, false},
		"a longer file is refused":       {func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 1<<20)) }, false},
		"an answer of 404 is no file":    {http.NotFound, false},
		"a passing failure is tried out": {failOnce(body), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			t.Setenv("MAVEN_REPOSITORY", server.URL+"/")
			dir := t.TempDir()
			path, err := fetch(t.Context(), zap.NewNop(), known, dir)
			if (err == nil) != test.works {
				t.Fatalf("err = %v", err)
			}
			if test.works {
				content, _ := os.ReadFile(path)
				if string(content) != body {
					t.Errorf("content %q", content)
				}
				return
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

func failOnce(body string) http.HandlerFunc {
	asked := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(body))
	}
}

func TestRepositoryIsThatOfTheLibrary(t *testing.T) {
	t.Setenv("MAVEN_REPOSITORY", "")
	if address := repository(); !strings.HasPrefix(address, "https://") || strings.HasSuffix(address, "/") {
		t.Errorf("repository %q", address)
	}
}

func TestUntarRefusesWhatPointsOutside(t *testing.T) {
	tests := map[string]tar.Header{
		"a path above":     {Name: "../evil", Typeflag: tar.TypeReg, Mode: 0o644},
		"an absolute path": {Name: "/evil", Typeflag: tar.TypeReg, Mode: 0o644},
		"a link above":     {Name: "bin/link", Linkname: "../../evil", Typeflag: tar.TypeSymlink},
		"an absolute link": {Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			var archive bytes.Buffer
			writer := tar.NewWriter(&archive)
			if err := writer.WriteHeader(&header); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			if err := untar(&archive, t.TempDir()); err == nil {
				t.Error("it was extracted")
			}
		})
	}
}
