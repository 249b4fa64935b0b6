package reference

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
	"github.com/skyledger/skyledger/internal/vatsim"
)

// Source is where VAT-Spy's files come from.
type Source interface {
	// Fetch returns both files, unless they are known to be those in force. A
	// version 0 in force is none: then both files are fetched. Nothing is
	// remembered until Confirm says that they are kept.
	Fetch(ctx context.Context, inForce store.VATSpyVersion) (Files, error)
	Confirm(Files)
	Name() string // as people know it: a URL or a directory
}

// Files are VAT-Spy's files as they came.
type Files struct {
	Unchanged  bool // the files are those in force; there are no bodies
	VATSpy     []byte
	Boundaries []byte
	Commit     string // of VAT-Spy's repository; "" when nobody said

	fetched []vatsim.Fetched
}

// DefaultIndexURL is VATSIM's index of VAT-Spy's files.
const DefaultIndexURL = "https://api.vatsim.net/api/map_data/"

// IndexOptions say where the index is and who asks.
type IndexOptions struct {
	URL     string        // DefaultIndexURL
	Contact string        // for the User-Agent; none
	Timeout time.Duration // of one of the three requests, all attempts included; 20 s
	Stall   time.Duration // longest silence within one; 5 s
	MaxBody int64         // bytes of a file; 16 MiB (the larger one has 2 today)
	Policy  *fault.Policy // two attempts, and a breaker
	Clock   func() time.Time
	Logger  *zap.Logger
}

// index is the source that VATSIM's API names.
type index struct {
	url    string
	client *vatsim.Client
}

// indexPolicy is for what is asked once a day: another attempt, and no more for
// a while when the index does not answer at all.
func indexPolicy() *fault.Policy {
	return fault.NewPolicy(fault.PolicyOptions{
		Name: "map_data", Attempts: 2, Backoff: time.Second, MaxBackoff: 3 * time.Second,
		Breaker: fault.BreakerOptions{Failures: 4, Delay: time.Minute},
	})
}

// NewIndex returns the source at VATSIM's index.
func NewIndex(options IndexOptions) Source {
	limit := cmp.Or(options.MaxBody, largestFile)
	if options.Policy == nil {
		options.Policy = indexPolicy()
	}
	return &index{
		url: cmp.Or(options.URL, DefaultIndexURL),
		client: vatsim.NewClient(vatsim.ClientOptions{
			Contact: options.Contact, Timeout: cmp.Or(options.Timeout, 20*time.Second), Stall: cmp.Or(options.Stall, 5*time.Second),
			MaxWire: limit, MaxBody: limit, Policy: options.Policy, Clock: options.Clock, Logger: options.Logger,
		}),
	}
}

func (x *index) Name() string { return x.url }

// Fetch asks for the index and, where its commit is another one than is in
// force, for the files.
func (x *index) Fetch(ctx context.Context, inForce store.VATSpyVersion) (Files, error) {
	const op = "reference.Fetch"
	defer x.client.Close()
	none := inForce.Version == 0
	if none {
		x.client.Forget(x.url)
	}
	fetched, err := x.client.Get(ctx, x.url, '{')
	if err != nil {
		return Files{}, err
	}
	if fetched.NotModified {
		return Files{Unchanged: true}, nil
	}
	var where struct {
		Commit     string `json:"current_commit_hash"`
		VATSpy     string `json:"vatspy_dat_url"`
		Boundaries string `json:"fir_boundaries_geojson_url"`
	}
	if err := json.Unmarshal(fetched.Body, &where); err != nil {
		return Files{}, fault.E(op, fault.Upstream, "index_json", err)
	}
	if !isWeb(where.VATSpy) || !isWeb(where.Boundaries) {
		return Files{}, fault.E(op, fault.Upstream, "index_addresses", nil)
	}
	files := Files{Commit: where.Commit, fetched: []vatsim.Fetched{fetched}}
	if !none && where.Commit != "" && where.Commit == inForce.Commit {
		files.Unchanged = true
		return files, nil
	}
	if none {
		x.client.Forget(where.VATSpy)
		x.client.Forget(where.Boundaries)
	}
	err = x.fetchBoth(ctx, where.VATSpy, where.Boundaries, &files)
	return files, err
}

// fetchBoth fetches the files. One that has not changed is asked for again
// where the other has: they belong together.
func (x *index) fetchBoth(ctx context.Context, spy, boundaries string, files *Files) error {
	one, err := x.client.Get(ctx, spy, 0)
	if err != nil {
		return err
	}
	two, err := x.client.Get(ctx, boundaries, '{')
	if err != nil {
		return err
	}
	if one.NotModified && two.NotModified {
		files.Unchanged = true
		return nil
	}
	if one.NotModified {
		x.client.Forget(spy)
		if one, err = x.client.Get(ctx, spy, 0); err != nil {
			return err
		}
	}
	if two.NotModified {
		x.client.Forget(boundaries)
		if two, err = x.client.Get(ctx, boundaries, '{'); err != nil {
			return err
		}
	}
	files.VATSpy, files.Boundaries = one.Body, two.Body
	files.fetched = append(files.fetched, one, two)
	return nil
}

func isWeb(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http")
}

// Confirm makes the next requests conditional.
func (x *index) Confirm(files Files) {
	for _, fetched := range files.fetched {
		x.client.Confirm(fetched)
	}
}

// directory is a folder with both files.
type directory struct{ path string }

// NewDirectory returns the source that is a folder with VATSpy.dat and
// Boundaries.geojson.
func NewDirectory(path string) Source { return directory{path} }

func (d directory) Name() string  { return d.path }
func (d directory) Confirm(Files) {}

// Fetch reads the files.
func (d directory) Fetch(context.Context, store.VATSpyVersion) (Files, error) {
	var files Files
	for _, part := range []struct {
		name string
		into *[]byte
	}{{"VATSpy.dat", &files.VATSpy}, {"Boundaries.geojson", &files.Boundaries}} {
		content, err := readLimited(filepath.Join(d.path, part.name))
		if err != nil {
			return Files{}, err
		}
		*part.into = content
	}
	return files, nil
}

// largestFile is eight times the larger of the two today.
const largestFile = 16 << 20 // bytes

func readLimited(path string) ([]byte, error) {
	const op = "reference.Directory"
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return nil, fault.E(op, fault.NotFound, "no_file", err)
	case err != nil:
		return nil, fault.E(op, fault.Unavailable, "file", err)
	case info.Size() > largestFile:
		return nil, fault.E(op, fault.Upstream, "too_large", nil)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "file", err)
	}
	return content, nil
}
