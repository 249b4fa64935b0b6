package vatsim

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const benchPilots = 2500

func BenchmarkDecode(b *testing.B) {
	raw := trafficBody(b, benchPilots)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSkipTokens is the limit that BenchmarkDecode is measured by: the
// same body's tokens, read and forgotten.
func BenchmarkSkipTokens(b *testing.B) {
	raw := trafficBody(b, benchPilots)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		decoder := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		for {
			_, err := decoder.ReadToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func TestDecodeAllocatesLittle(t *testing.T) {
	if raceDetector {
		return // it allocates for its own book-keeping
	}
	raw := trafficBody(t, benchPilots)
	const runs, limit = 5, 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := Decode(raw); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > limit {
		t.Errorf("%d bytes allocated for a body of %d; want at most %d", got, len(raw), limit)
	}
}
