package reference

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// shelf counts how often it is asked; a database in a test's hands.
type shelf struct {
	mu      sync.Mutex
	content store.VATSpy
	version int32
	err     error
	hold    chan struct{} // looks wait for it to close

	looks, reads atomic.Int32
}

func (s *shelf) VATSpyInForce(context.Context) (store.VATSpyVersion, error) {
	s.looks.Add(1)
	if s.hold != nil {
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.VATSpyVersion{Version: s.version}, s.err
}

func (s *shelf) VATSpyContent(context.Context) (store.VATSpy, store.VATSpyVersion, error) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.content, store.VATSpyVersion{Version: s.version}, s.err
}

func (s *shelf) set(version int32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.err = version, err
}

func newReader(s Shelf) (*Reader, *time.Time) {
	now := noon
	return NewReader(ReaderOptions{Shelf: s, Clock: func() time.Time { return now }, Logger: zap.NewNop()}), &now
}

func TestReaderLooksOnceAMinute(t *testing.T) {
	s := &shelf{content: madeContent(t), version: 1}
	reader, now := newReader(s)
	expect := func(version int32, looks, reads int32) {
		t.Helper()
		airspace, err := reader.Airspace(t.Context())
		if err != nil || airspace.Version.Version != version || s.looks.Load() != looks || s.reads.Load() != reads {
			t.Errorf("version %d, %d looks, %d reads, %v", airspace.Version.Version, s.looks.Load(), s.reads.Load(), err)
		}
	}
	expect(1, 1, 1)
	*now = now.Add(59 * time.Second)
	expect(1, 1, 1)
	*now = now.Add(2 * time.Second)
	expect(1, 2, 1) // another look, the same version
	s.set(2, nil)
	*now = now.Add(time.Minute)
	expect(2, 3, 2)
	s.set(3, fault.E("test", fault.Unavailable, "database_down", nil))
	*now = now.Add(time.Minute)
	expect(2, 4, 2) // the database is away: the last one stands
	*now = now.Add(4 * time.Second)
	expect(2, 4, 2) // and is not asked at once again
	s.set(3, nil)
	*now = now.Add(2 * time.Second)
	expect(3, 5, 3)
}

func TestFIRsThatComeLaterAreFoundSoon(t *testing.T) {
	s := &shelf{content: madeContent(t)}
	reader, now := newReader(s)
	if _, err := reader.Airspace(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("%v", err)
	}
	s.set(1, nil)
	*now = now.Add(6 * time.Second)
	if airspace, err := reader.Airspace(t.Context()); err != nil || airspace.Version.Version != 1 {
		t.Errorf("%v", err)
	}
}

func TestReadersSideBySideLookOnce(t *testing.T) {
	s := &shelf{content: madeContent(t), version: 1, hold: make(chan struct{})}
	reader, _ := newReader(s)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if id, err := reader.FIRAt(context.Background(), 5, 5); err != nil || id != "XAAA" {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reader.Airspace(impatient); !fault.Is(err, fault.Timeout) {
		t.Errorf("who leaves gets %v", err)
	}
	close(s.hold)
	group.Wait()
	if s.looks.Load() != 1 || s.reads.Load() != 1 {
		t.Errorf("%d looks, %d reads", s.looks.Load(), s.reads.Load())
	}
}

func TestWithoutFIRsTheEmbeddedPartAnswers(t *testing.T) {
	for name, of := range map[string]Shelf{
		"no database": nil, "a database without FIRs": &shelf{}, "a database that is away": &shelf{err: fault.E("test", fault.Unavailable, "database_down", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			reader, _ := newReader(of)
			australia, err := reader.Region(t.Context(), "australia")
			if err != nil {
				t.Fatal(err)
			}
			if !australia.Airport("YSSY") || !australia.Airport("SYD") || australia.Airport("NZAA") || !australia.Point(-33.9, 151.2) || australia.Point(-37, 174.8) || australia.Point(-50, 90) {
				t.Error("Australia is elsewhere")
			}
			for _, ask := range []func() error{
				func() error { _, err := reader.FIR(t.Context(), "EGTT"); return err },
				func() error { _, err := reader.Region(t.Context(), "EGTT"); return err },
				func() error { _, err := reader.FIRAt(t.Context(), 0, 0); return err },
			} {
				if err := ask(); !fault.Is(err, fault.Unavailable) {
					t.Errorf("%v", err)
				}
			}
			if _, err := reader.Region(t.Context(), "the lost city of Atlantis"); !fault.Is(err, fault.NotFound) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAreas(t *testing.T) {
	reader, _ := newReader(&shelf{content: madeContent(t), version: 1})
	area := func(t *testing.T, find func(context.Context, string) (Area, error), name string) Area {
		t.Helper()
		found, err := find(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Run("an FIR has its airports, its names and its points", func(t *testing.T) {
		for _, find := range []func(context.Context, string) (Area, error){reader.FIR, reader.Region} {
			alpha := area(t, find, "xaaa")
			for _, code := range []string{"XAAB", "xaab", "XAAA", "ALF", "ALF_U", "DNMM"} { // Lagos lies in the square
				if !alpha.Airport(code) {
					t.Errorf("%s is not in", code)
				}
			}
			for _, code := range []string{"XBBC", "EGLL", "XXXX", "", "XBBB"} {
				if alpha.Airport(code) {
					t.Errorf("%s is in", code)
				}
			}
			if !alpha.Point(5, 5) || alpha.Point(5, 15) {
				t.Error("its points are others")
			}
		}
	})
	t.Run("an upper region answers like an FIR", func(t *testing.T) {
		upper := area(t, reader.FIR, "XUPP")
		if !upper.Airport("XAAB") || !upper.Airport("XBBC") || !upper.Airport("XBBB") || upper.Airport("XDAT") || !upper.Point(5, 12) {
			t.Error("it is elsewhere")
		}
	})
	t.Run("a region has the FIRs whose ids begin like its airports", func(t *testing.T) {
		content := madeContent(t)
		for i := range content.FIRs {
			content.FIRs[i].ID = strings.Replace(content.FIRs[i].ID, "XAAA", "EGXX", 1)
		}
		reader, _ := newReader(&shelf{content: content, version: 1})
		europe := area(t, reader.Region, "Europe")
		if !europe.Point(5, 5) || europe.Point(5, 12) || !europe.Airport("ALF") || !europe.Airport("EGXX-S") || europe.Airport("OCE") {
			t.Error("Europe is elsewhere")
		}
		if !europe.Point(51.5, 0) { // no made-up FIR is there, but London is
			t.Error("London is not in Europe")
		}
	})
	t.Run("what is not there is not found, with a sentence that says what is", func(t *testing.T) {
		for _, name := range []string{"Atlantis", "ZZZZ", "", "EGTT; DROP TABLE", strings.Repeat("x", 1000)} {
			_, err := reader.Region(t.Context(), name)
			var known *fault.Error
			if !fault.Is(err, fault.NotFound) || !errors.As(err, &known) || !strings.Contains(known.Message, "Australia") || !strings.Contains(known.Message, "/api/firs") {
				t.Errorf("%.20q: %v", name, err)
			}
			if _, err := reader.FIR(t.Context(), name); !fault.Is(err, fault.NotFound) {
				t.Errorf("%.20q: %v", name, err)
			}
		}
	})
}
