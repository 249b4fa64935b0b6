package live

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// FuzzUnmarshal feeds whatever Redis may hold: no panic, and nothing accepted
// that was not written as asked for.
func FuzzUnmarshal(f *testing.F) {
	written := rendered{entryHead{Name: Flights, Encoding: JSON, Snapshot: 7, Rows: 1}, []byte(`[{"id":"1"}]`)}
	good, err := written.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(magic))
	f.Add(bytes.Repeat([]byte{0xff}, 200))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := unmarshal(raw, 7, Flights, JSON)
		if err != nil {
			return
		}
		if found.head.Snapshot != 7 || found.head.Name != Flights || found.head.Encoding != JSON {
			t.Errorf("accepted %+v", found.head)
		}
		if _, err := found.load(); err != nil {
			t.Errorf("accepted and cannot be laid out: %v", err)
		}
	})
}

func TestPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := rapid.Int64Range(1, 1<<60).Draw(t, "snapshot")
		p := pointer{seen: snapshot + rapid.Int64Range(0, 1<<40).Draw(t, "held"), snapshot: snapshot}
		if back, ok := parsePointer(p.String()); !ok || back != p {
			t.Fatalf("%v came back as %v", p, back)
		}
	})
	for _, text := range []string{"", "7", "7 x", "x 7", "7 0", "6 7", "7 7 7", "7  7"} {
		if _, ok := parsePointer(text); ok {
			t.Errorf("%q was taken for a pointer", text)
		}
	}
}
