package packed

import (
	"encoding/binary"
	"errors"
	"math"
)

// errBroken is the error of bytes that no Coder wrote.
var errBroken = errors.New("packed: the bytes end early or are no numbers")

// Coder writes values, or reads them into the same places.
type Coder struct {
	bytes   []byte
	reading bool
	err     error
}

// Writer returns a Coder that appends to bytes.
func Writer(bytes []byte) *Coder { return &Coder{bytes: bytes} }

// Reader returns a Coder that reads bytes. What it cannot read stays as it is,
// and Err says so.
func Reader(bytes []byte) *Coder { return &Coder{bytes: bytes, reading: true} }

// Reading reports the direction.
func (c *Coder) Reading() bool { return c.reading }

// Bytes returns what was written, or what is left to read.
func (c *Coder) Bytes() []byte { return c.bytes }

// Err returns why reading stopped; nil when it did not.
func (c *Coder) Err() error { return c.err }

// Fail stops the reading for a reason of the caller's.
func (c *Coder) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Number visits a number of any width.
func Number[T ~int | ~int16 | ~int32 | ~int64 | ~int8 | ~uint8](c *Coder, at *T) {
	if !c.reading {
		c.bytes = binary.AppendVarint(c.bytes, int64(*at))
		return
	}
	if c.err != nil {
		return
	}
	value, n := binary.Varint(c.bytes)
	if n <= 0 || int64(T(value)) != value {
		c.err = errBroken
		return
	}
	c.bytes, *at = c.bytes[n:], T(value)
}

// After visits a number by its difference from another one.
func After[T ~int16 | ~int32 | ~int64](c *Coder, at *T, before T) {
	difference := int64(*at) - int64(before)
	Number(c, &difference)
	if c.reading && c.err == nil {
		*at = T(int64(before) + difference)
	}
}

// Truth visits a bool.
func (c *Coder) Truth(at *bool) {
	number := uint8(0)
	if *at {
		number = 1
	}
	Number(c, &number)
	if c.reading && c.err == nil {
		*at = number != 0
	}
}

// Float visits a float64 bit by bit.
func (c *Coder) Float(at *float64) {
	if !c.reading {
		c.bytes = binary.LittleEndian.AppendUint64(c.bytes, math.Float64bits(*at))
		return
	}
	if c.err != nil {
		return
	}
	if len(c.bytes) < 8 {
		c.err = errBroken
		return
	}
	*at = math.Float64frombits(binary.LittleEndian.Uint64(c.bytes))
	c.bytes = c.bytes[8:]
}

// Text visits a string.
func (c *Coder) Text(at *string) {
	length := c.Length(len(*at))
	if !c.reading {
		c.bytes = append(c.bytes, *at...)
		return
	}
	if c.err == nil {
		*at = string(c.bytes[:length])
		c.bytes = c.bytes[length:]
	}
}

// Length visits how many parts follow, each of at least one byte. It returns
// length when writing.
func (c *Coder) Length(length int) int {
	Number(c, &length)
	if c.err == nil && c.reading && (length < 0 || length > len(c.bytes)) {
		c.err = errBroken
	}
	if c.err != nil {
		return 0
	}
	return length
}

// List visits a slice whose parts take at least a byte each.
func List[T any](c *Coder, at *[]T, visit func(*T)) {
	length := c.Length(len(*at))
	if c.reading {
		*at = nil
		if length > 0 {
			*at = make([]T, length)
		}
	}
	for i := range *at {
		if c.err != nil {
			return
		}
		visit(&(*at)[i])
	}
}
