package reference

import (
	"context"
	"regexp"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/geo"
	"github.com/skyledger/skyledger/internal/store"
)

// Shelf is where the version in force is read from; *store.Store is one.
type Shelf interface {
	VATSpyInForce(ctx context.Context) (store.VATSpyVersion, error)
	VATSpyContent(ctx context.Context) (store.VATSpy, store.VATSpyVersion, error)
}

// ReaderOptions are a reader's parts.
type ReaderOptions struct {
	Shelf  Shelf // nil: there is no database, and so there are no FIRs
	Clock  func() time.Time
	Logger *zap.Logger
}

// Reader answers questions about the world from memory. The embedded part is
// decoded when it is first needed; the version in force is asked for at most
// once a minute, by one caller for all, and read when it is another one. It may
// be used by several goroutines.
type Reader struct {
	options ReaderOptions
	world   func() (*World, error)
	flight  singleflight.Group

	mu      sync.Mutex
	current *Airspace // nil while none was read
	checked time.Time
	failure error // of the last look; nil when it went well
}

// NewReader returns a reader. It reads nothing yet.
func NewReader(options ReaderOptions) *Reader {
	return &Reader{options: options, world: sync.OnceValues(Embedded)}
}

const (
	lookEvery  = time.Minute
	retryAfter = 5 * time.Second // after a look that failed or found nothing
	lookWithin = 10 * time.Second
)

// World returns the embedded part.
func (r *Reader) World() (*World, error) { return r.world() }

// Stale reports whether the last look failed: another version may be in force.
func (r *Reader) Stale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure != nil
}

// Airspace returns the version in force as far as it is known: while the
// database is away the last one read. It is fault.Unavailable while there is
// none.
func (r *Reader) Airspace(ctx context.Context) (*Airspace, error) {
	if current, err, fresh := r.known(); fresh {
		return current, err
	}
	// The look goes on for the others when its first caller leaves.
	detached := context.WithoutCancel(ctx)
	result := r.flight.DoChan("look", func() (any, error) {
		ctx, cancel := context.WithTimeout(detached, lookWithin)
		defer cancel()
		r.look(ctx)
		return nil, nil
	})
	select {
	case <-result:
		current, err, _ := r.known()
		return current, err
	case <-ctx.Done():
		return nil, fault.E("reference.Airspace", fault.Timeout, "deadline", ctx.Err())
	}
}

func (r *Reader) known() (current *Airspace, err error, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	age := r.options.Clock().Sub(r.checked)
	fresh = !r.checked.IsZero() && age >= 0 && age < lookEvery
	if r.current == nil {
		if err = r.failure; err == nil {
			err = errNone()
		}
	}
	return r.current, err, fresh
}

func errNone() error {
	return fault.E("reference.Airspace", fault.Unavailable, "no_reference_data", nil).
		WithMessage("FIRs and their boundaries were not loaded yet: the function reference loads them once a day.")
}

// look asks which version is in force and reads it when it is another one.
func (r *Reader) look(ctx context.Context) {
	if r.options.Shelf == nil {
		r.looked(nil, nil, lookEvery)
		return
	}
	version, err := r.options.Shelf.VATSpyInForce(ctx)
	r.mu.Lock()
	current := r.current
	r.mu.Unlock()
	switch {
	case err != nil:
		r.looked(current, err, retryAfter)
		return
	case version.Version == 0: // on a fresh installation they come any moment
		r.looked(nil, nil, retryAfter)
		return
	case current != nil && current.Version.Version == version.Version:
		r.looked(current, nil, lookEvery)
		return
	}
	fresh, err := r.read(ctx)
	if err != nil {
		r.looked(current, err, retryAfter)
		return
	}
	r.looked(fresh, nil, lookEvery)
}

func (r *Reader) read(ctx context.Context) (*Airspace, error) {
	content, version, err := r.options.Shelf.VATSpyContent(ctx)
	if err != nil {
		return nil, err
	}
	if version.Version == 0 {
		return nil, errNone()
	}
	return NewAirspace(content, version)
}

// looked notes what a look found, and that the next one is due after a while.
func (r *Reader) looked(current *Airspace, err error, next time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.failure = current, err
	r.checked = r.options.Clock().Add(next - lookEvery)
	if err != nil {
		r.options.Logger.Warn("the reference data in force cannot be read; the last known ones stand",
			zap.Bool("known", current != nil), zap.String("reason", fault.ReasonOf(err)), zap.Error(err))
	}
}

// Region returns the area of a region by name, or of an FIR by its id. A name
// that is neither is fault.NotFound with a sentence that says which there are.
func (r *Reader) Region(ctx context.Context, name string) (Area, error) {
	const op = "reference.Region"
	world, err := r.world()
	if err != nil {
		return nil, err
	}
	airspace, failure := r.Airspace(ctx)
	if region, found := FindRegion(name); found {
		return &regionArea{region: region, world: world, airspace: airspace}, nil
	}
	unknown := fault.E(op, fault.NotFound, "no_region", nil).
		WithMessage("There is no such region. There are " + RegionNames() + ", and every FIR by its id, such as EGTT; /api/regions and /api/firs list them.")
	if !firID.MatchString(name) {
		return nil, unknown
	}
	if failure != nil {
		return nil, failure
	}
	fir, found := airspace.FIR(name)
	if !found {
		return nil, unknown
	}
	return &firArea{fir: fir, world: world, airspace: airspace}, nil
}

// firID is what an FIR's id can look like: EGTT, ADR, BAIRES, ULLL-MO.
var firID = regexp.MustCompile(`^[A-Za-z0-9]{2,6}([-_][A-Za-z0-9]{1,6}){0,2}$`)

// FIR returns the area of an FIR by its id.
func (r *Reader) FIR(ctx context.Context, id string) (Area, error) {
	world, err := r.world()
	if err != nil {
		return nil, err
	}
	if !firID.MatchString(id) {
		return nil, errNoFIR()
	}
	airspace, err := r.Airspace(ctx)
	if err != nil {
		return nil, err
	}
	fir, found := airspace.FIR(id)
	if !found {
		return nil, errNoFIR()
	}
	return &firArea{fir: fir, world: world, airspace: airspace}, nil
}

func errNoFIR() error {
	return fault.E("reference.FIR", fault.NotFound, "no_fir", nil).
		WithMessage("There is no FIR of that id; /api/firs lists those there are, such as EGTT.")
}

// FIRAt returns the id of the FIR that a point lies in, "" where it lies in
// none. While there are no FIRs it is fault.Unavailable.
func (r *Reader) FIRAt(ctx context.Context, lat, lon float64) (string, error) {
	airspace, err := r.Airspace(ctx)
	if err != nil || !geo.IsLatitude(lat) {
		return "", err
	}
	fir, found := airspace.At(lat, lon)
	if !found {
		return "", nil
	}
	return fir.ID, nil
}
