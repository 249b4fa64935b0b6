package packed_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/packed"
)

type thing struct {
	Name  string
	Count int64
	Small int16
	Next  int32
	Size  float64
	Real  bool
	Parts []thing
}

func (t *thing) visit(c *packed.Coder) {
	c.Text(&t.Name)
	packed.Number(c, &t.Count)
	packed.Number(c, &t.Small)
	packed.After(c, &t.Next, int32(t.Small))
	c.Float(&t.Size)
	c.Truth(&t.Real)
	packed.List(c, &t.Parts, func(part *thing) { part.visit(c) })
}

func things(depth int) *rapid.Generator[thing] {
	return rapid.Custom(func(t *rapid.T) thing {
		out := thing{
			Name: rapid.String().Draw(t, "name"), Count: rapid.Int64().Draw(t, "count"), Small: rapid.Int16().Draw(t, "small"),
			Next: rapid.Int32().Draw(t, "next"), Size: rapid.Float64().Draw(t, "size"), Real: rapid.Bool().Draw(t, "real"),
		}
		if depth > 0 {
			out.Parts = rapid.SliceOfN(things(depth-1), 0, 3).Draw(t, "parts")
		}
		if len(out.Parts) == 0 {
			out.Parts = nil
		}
		return out
	})
}

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := things(2).Draw(t, "thing")
		c := packed.Writer(nil)
		want.visit(c)
		var got thing
		back := packed.Reader(c.Bytes())
		got.visit(back)
		if back.Err() != nil || len(back.Bytes()) != 0 {
			t.Fatalf("error %v, %d bytes left", back.Err(), len(back.Bytes()))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	})
}

func TestAnyCutIsAnError(t *testing.T) {
	whole := thing{Name: "EGLL", Count: math.MinInt64, Small: -7, Next: 900000, Size: 0.1, Real: true, Parts: []thing{{Name: "x"}, {}}}
	c := packed.Writer(nil)
	whole.visit(c)
	for cut := range c.Bytes() {
		back := packed.Reader(c.Bytes()[:cut])
		new(thing).visit(back)
		if back.Err() == nil {
			t.Errorf("%d of %d bytes are read without an error", cut, len(c.Bytes()))
		}
	}
}

func FuzzReader(f *testing.F) {
	c := packed.Writer(nil)
	(&thing{Name: "EGLL", Parts: []thing{{}, {Name: "y"}}}).visit(c)
	f.Add(c.Bytes())
	f.Fuzz(func(t *testing.T, input []byte) {
		back := packed.Reader(input)
		var read thing
		read.visit(back)
		if back.Err() != nil {
			return
		}
		again := packed.Writer(nil)
		read.visit(again)
		var twice thing
		twice.visit(packed.Reader(again.Bytes()))
		last := packed.Writer(nil)
		twice.visit(last)
		if !bytes.Equal(again.Bytes(), last.Bytes()) {
			t.Error("a value that was read is not written the same twice")
		}
	})
}
