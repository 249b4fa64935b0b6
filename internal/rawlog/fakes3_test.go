package rawlog

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucket is a small S3 over real HTTP: conditional PUT, GET of a range,
// ListObjectsV2 by pages, DELETE.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	counts  map[string]int
	// answer, when set, may answer a request in the bucket's stead.
	answer func(w http.ResponseWriter, r *http.Request) bool
	page   int
}

const pageSize = 40

// newBucket starts a bucket and returns it with the storage in it.
func newBucket(t testing.TB) (*bucket, *S3) {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}, counts: map[string]int{}, page: pageSize}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	return b, NewS3(clientOf(t, server.URL), "bucket", "/some/prefix/")
}

func clientOf(t testing.TB, url string) *s3.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		HTTPClient:   &http.Client{Transport: transport},
		BaseEndpoint: &url, Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
}

func etag(content []byte) string {
	sum := md5.Sum(content)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[r.Method]++
	if b.answer != nil && b.answer(w, r) {
		return
	}
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bucket"), "/")
	switch {
	case r.Method == http.MethodGet && key == "":
		b.list(w, r)
	case r.Method == http.MethodGet:
		b.get(w, r, key)
	case r.Method == http.MethodPut:
		b.put(w, r, key)
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>no</Message></Error>`, code)
}

func (b *bucket) get(w http.ResponseWriter, r *http.Request, key string) {
	content, found := b.objects[key]
	if !found {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	var from, to int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidArgument")
		return
	}
	if from >= len(content) {
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	part := content[from:min(to+1, len(content))]
	w.Header().Set("Content-Length", strconv.Itoa(len(part)))
	w.Header().Set("ETag", etag(content))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(part)
}

func (b *bucket) put(w http.ResponseWriter, r *http.Request, key string) {
	existing, found := b.objects[key]
	if r.Header.Get("If-None-Match") == "*" && found {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && (!found || match != etag(existing)) {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	content, err := readBody(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	b.objects[key] = content
	w.Header().Set("ETag", etag(content))
}

// readBody reads an upload, which over plain HTTP may come in signed chunks.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") {
		return body, err
	}
	var content []byte
	for {
		line, rest, found := strings.Cut(string(body), "\r\n")
		if !found {
			return nil, io.ErrUnexpectedEOF
		}
		length, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(length, 16, 64)
		if err != nil || int(n) > len(rest) {
			return nil, io.ErrUnexpectedEOF
		}
		if n == 0 {
			return content, nil
		}
		content = append(content, rest[:n]...)
		body = []byte(rest[n+2:])
	}
}

type listing struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	IsTruncated    bool
	Next           string `xml:"NextContinuationToken,omitempty"`
	Contents       []listed
	CommonPrefixes []struct{ Prefix string }
}

type listed struct {
	Key  string
	ETag string
	Size int
}

func (b *bucket) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	prefix, delimiter, after := query.Get("prefix"), query.Get("delimiter"), query.Get("continuation-token")
	var out listing
	last := ""
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		name := key
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			name = prefix + rest[:i+1]
		}
		if name <= after || name == last {
			continue
		}
		if len(out.Contents)+len(out.CommonPrefixes) == b.page {
			out.IsTruncated, out.Next = true, last
			break
		}
		last = name
		if name != key {
			out.CommonPrefixes = append(out.CommonPrefixes, struct{ Prefix string }{name})
			continue
		}
		out.Contents = append(out.Contents, listed{Key: key, ETag: etag(b.objects[key]), Size: len(b.objects[key])})
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(out)
}
