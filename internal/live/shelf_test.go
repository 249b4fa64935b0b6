package live

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestAValueIsMadeOnceForAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := &Answer{Layer: LayerMemory, entry: &entry{}}
		var builds atomic.Int32
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				got, err := answer.Make("key", func() (any, int, error) {
					time.Sleep(time.Second) // the bubble's: until everybody waits
					return builds.Add(1), 1, nil
				})
				if err != nil || got != int32(1) {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		group.Wait()
		if got, _ := answer.Make("key", func() (any, int, error) { return builds.Add(1), 1, nil }); got != int32(1) {
			t.Errorf("made again: %v", got)
		}
	})
}

func TestAValueIsOfItsAnswerAlone(t *testing.T) {
	first, second := &entry{}, &entry{}
	answers := []*Answer{
		{Layer: LayerMemory, entry: first}, {Layer: LayerRedis, entry: first}, {Layer: LayerMemory, Stale: true, entry: first},
		{Layer: LayerMemory, entry: second},
	}
	for range 2 {
		for i, answer := range answers {
			for _, key := range []string{"a", "b"} {
				want := fmt.Sprint(i, key)
				if got, err := answer.Make(key, func() (any, int, error) { return want, len(want), nil }); got != want || err != nil {
					t.Errorf("answer %d, key %s: %v, %v", i, key, got, err)
				}
			}
		}
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	answer := &Answer{entry: &entry{}}
	failure := errors.New("no")
	if _, err := answer.Make("key", func() (any, int, error) { return nil, 0, failure }); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
	if got, err := answer.Make("key", func() (any, int, error) { return 7, 1, nil }); got != 7 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatIsKeptStaysWithinItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answer := &Answer{entry: &entry{}}
		for _, size := range rapid.SliceOfN(rapid.IntRange(0, shelfBytes/3), 1, 60).Draw(t, "sizes") {
			key := rapid.StringN(1, 2, 2).Draw(t, "key")
			if got, err := answer.Make(key, func() (any, int, error) { return key, size, nil }); got != key || err != nil {
				t.Fatalf("%q: %v, %v", key, got, err)
			}
			total := 0
			for _, one := range answer.entry.made.kept {
				total += one.bytes
			}
			if total > shelfBytes || total != answer.entry.made.bytes {
				t.Fatalf("%d bytes are kept, counted as %d", total, answer.entry.made.bytes)
			}
		}
	})
	t.Run("and what fits is kept", func(t *testing.T) {
		answer := &Answer{entry: &entry{}}
		builds := 0
		for range 2 {
			for n := range 4 {
				_, err := answer.Make(fmt.Sprint(n), func() (any, int, error) { builds++; return n, shelfBytes/4 - 100, nil })
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if builds != 4 {
			t.Errorf("made %d times", builds)
		}
	})
}
