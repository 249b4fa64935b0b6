package reference

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/skyledger/skyledger/internal/fault"
)

// The embedded file is columns, one after the other, compressed as a whole:
// texts as lines, numbers as differences from the row before in varints.
// Decoding cuts the texts out of one string, so that 200,000 of them cost no
// allocation of their own.

// packedVersion is the first line; another layout needs another.
const packedVersion = "skyledger world 1"

const (
	placeUnit   = 1e6 // of a degree, as the sources have it
	headingUnit = 10  // of a degree
)

// NewWorld puts a world together from rows as a generator has them, airports by
// ICAO and runways by airport.
func NewWorld(airports []Airport, runways []Runway, countries []Country, regions []Subdivision) (*World, error) {
	w := &World{airports: airports, runways: runways, countries: countries, regions: regions}
	if err := w.attach(); err != nil {
		return nil, err
	}
	w.index()
	return w, nil
}

// attach finds each airport's runways.
func (w *World) attach() error {
	next := 0
	for i := range w.airports {
		a := &w.airports[i]
		if i > 0 && a.ICAO <= w.airports[i-1].ICAO {
			return fmt.Errorf("airport %s is out of order", a.ICAO)
		}
		a.firstRunway = int32(next)
		for next < len(w.runways) && w.runways[next].Airport == a.ICAO {
			next++
		}
		a.runways = int32(next) - a.firstRunway
	}
	if next != len(w.runways) {
		return fmt.Errorf("runway %d, of %s, belongs to no airport", next, w.runways[next].Airport)
	}
	return nil
}

// Encode writes the world as Decode reads it: the same bytes for the same rows.
func (w *World) Encode() ([]byte, error) {
	var p packer
	p.text(packedVersion + "\n")
	p.number(int64(len(w.airports)), int64(len(w.runways)), int64(len(w.countries)), int64(len(w.regions)))
	for _, field := range airportTexts() {
		lines(&p, w.airports, field)
	}
	for _, field := range airportNumbers() {
		numbers(&p, w.airports, field.get)
	}
	for i := range w.airports {
		p.number(int64(w.airports[i].runways))
	}
	for _, field := range runwayTexts() {
		lines(&p, w.runways, field)
	}
	for _, field := range runwayNumbers() {
		numbers(&p, w.runways, field.get)
	}
	for _, field := range countryTexts() {
		lines(&p, w.countries, field)
	}
	for _, field := range regionTexts() {
		lines(&p, w.regions, field)
	}
	if p.err != nil {
		return nil, p.err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return nil, err
	}
	return encoder.EncodeAll(p.out, nil), encoder.Close()
}

// Decode reads what Encode wrote.
func Decode(packed []byte) (*World, error) {
	const op = "reference.Decode"
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, fault.E(op, fault.Internal, "zstd", err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "zstd", err)
	}
	w := &World{hash: sha256.Sum256(packed)}
	u := &unpacker{rest: string(plain)}
	w.unpack(u)
	if u.err == nil && u.rest != "" {
		u.err = errTrailing
	}
	if u.err != nil {
		return nil, fault.E(op, fault.Internal, "layout", u.err)
	}
	w.index()
	return w, nil
}

func (w *World) unpack(u *unpacker) {
	if u.line() != packedVersion {
		u.fail(errVersion)
	}
	w.airports = make([]Airport, u.count())
	w.runways = make([]Runway, u.count())
	w.countries = make([]Country, u.count())
	w.regions = make([]Subdivision, u.count())
	for _, field := range airportTexts() {
		readLines(u, w.airports, field)
	}
	for _, field := range airportNumbers() {
		readNumbers(u, w.airports, field.set)
	}
	next := 0
	for i := range w.airports {
		a := &w.airports[i]
		a.firstRunway, a.runways = int32(next), int32(u.count())
		for range a.runways {
			if next == len(w.runways) {
				u.fail(errLayout)
				return
			}
			w.runways[next].Airport = a.ICAO
			next++
		}
	}
	for _, field := range runwayTexts() {
		readLines(u, w.runways, field)
	}
	for _, field := range runwayNumbers() {
		readNumbers(u, w.runways, field.set)
	}
	for _, field := range countryTexts() {
		readLines(u, w.countries, field)
	}
	for _, field := range regionTexts() {
		readLines(u, w.regions, field)
	}
}

func airportTexts() []func(*Airport) *string {
	return []func(*Airport) *string{
		func(a *Airport) *string { return &a.ICAO }, func(a *Airport) *string { return &a.IATA },
		func(a *Airport) *string { return &a.Country }, func(a *Airport) *string { return &a.Region },
		func(a *Airport) *string { return &a.TZ }, func(a *Airport) *string { return &a.Name },
		func(a *Airport) *string { return &a.City },
	}
}

func runwayTexts() []func(*Runway) *string {
	return []func(*Runway) *string{
		func(r *Runway) *string { return &r.Low.Ident }, func(r *Runway) *string { return &r.High.Ident },
		func(r *Runway) *string { return &r.Surface },
	}
}

func countryTexts() []func(*Country) *string {
	return []func(*Country) *string{
		func(c *Country) *string { return &c.Code }, func(c *Country) *string { return &c.Name },
		func(c *Country) *string { return &c.Continent },
	}
}

func regionTexts() []func(*Subdivision) *string {
	return []func(*Subdivision) *string{
		func(s *Subdivision) *string { return &s.Code }, func(s *Subdivision) *string { return &s.Country },
		func(s *Subdivision) *string { return &s.Name },
	}
}

// numeric is a number column.
type numeric[T any] struct {
	get func(*T) int64
	set func(*T, int64)
}

func airportNumbers() []numeric[Airport] {
	return []numeric[Airport]{
		scaled(placeUnit, func(a *Airport) *float64 { return &a.Lat }),
		scaled(placeUnit, func(a *Airport) *float64 { return &a.Lon }),
		whole(func(a *Airport) *int { return &a.ElevationFt }),
	}
}

func runwayNumbers() []numeric[Runway] {
	columns := []numeric[Runway]{
		whole(func(r *Runway) *int { return &r.LengthFt }), whole(func(r *Runway) *int { return &r.WidthFt }),
		truth(func(r *Runway) *bool { return &r.Lighted }), truth(func(r *Runway) *bool { return &r.Closed }),
	}
	for _, end := range []func(*Runway) *RunwayEnd{
		func(r *Runway) *RunwayEnd { return &r.Low }, func(r *Runway) *RunwayEnd { return &r.High },
	} {
		columns = append(columns,
			truth(func(r *Runway) *bool { return &end(r).Placed }),
			scaled(placeUnit, func(r *Runway) *float64 { return &end(r).Lat }),
			scaled(placeUnit, func(r *Runway) *float64 { return &end(r).Lon }),
			scaled(headingUnit, func(r *Runway) *float64 { return &end(r).Heading }),
			whole(func(r *Runway) *int { return &end(r).DisplacedFt }))
	}
	return columns
}

func scaled[T any](unit float64, field func(*T) *float64) numeric[T] {
	return numeric[T]{
		get: func(row *T) int64 { return int64(math.Round(*field(row) * unit)) },
		set: func(row *T, value int64) { *field(row) = float64(value) / unit },
	}
}

func whole[T any](field func(*T) *int) numeric[T] {
	return numeric[T]{
		get: func(row *T) int64 { return int64(*field(row)) },
		set: func(row *T, value int64) { *field(row) = int(value) },
	}
}

func truth[T any](field func(*T) *bool) numeric[T] {
	return numeric[T]{
		get: func(row *T) int64 {
			if *field(row) {
				return 1
			}
			return 0
		},
		set: func(row *T, value int64) { *field(row) = value != 0 },
	}
}

var (
	errVersion  = errors.New("not the layout this program reads")
	errLayout   = errors.New("the columns do not fit together")
	errTrailing = errors.New("bytes are left over")
	errNewline  = errors.New("a text has a line feed in it")
)

type packer struct {
	out []byte
	err error
}

func (p *packer) text(text string) { p.out = append(p.out, text...) }

func (p *packer) number(values ...int64) {
	for _, value := range values {
		p.out = binary.AppendVarint(p.out, value)
	}
}

func lines[T any](p *packer, rows []T, field func(*T) *string) {
	for i := range rows {
		text := *field(&rows[i])
		if strings.Contains(text, "\n") {
			p.err = errNewline
		}
		p.text(text)
		p.text("\n")
	}
}

func numbers[T any](p *packer, rows []T, get func(*T) int64) {
	before := int64(0)
	for i := range rows {
		value := get(&rows[i])
		p.number(value - before)
		before = value
	}
}

type unpacker struct {
	rest string
	err  error
}

func (u *unpacker) fail(err error) {
	if u.err == nil {
		u.err = err
	}
	u.rest = ""
}

func (u *unpacker) line() string {
	at := strings.IndexByte(u.rest, '\n')
	if at < 0 {
		u.fail(errLayout)
		return ""
	}
	text := u.rest[:at]
	u.rest = u.rest[at+1:]
	return text
}

func (u *unpacker) number() int64 {
	// binary.Varint wants bytes; this is it for a string.
	value, shift := uint64(0), 0
	for i := 0; i < len(u.rest) && i < binary.MaxVarintLen64; i++ {
		b := u.rest[i]
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			u.rest = u.rest[i+1:]
			return int64(value>>1) ^ -int64(value&1)
		}
		shift += 7
	}
	u.fail(errLayout)
	return 0
}

// count is a number of rows: a row is a byte at least.
func (u *unpacker) count() int {
	n := u.number()
	if n < 0 || n > int64(len(u.rest)) {
		u.fail(errLayout)
		return 0
	}
	return int(n)
}

func readLines[T any](u *unpacker, rows []T, field func(*T) *string) {
	for i := range rows {
		*field(&rows[i]) = u.line()
	}
}

func readNumbers[T any](u *unpacker, rows []T, set func(*T, int64)) {
	value := int64(0)
	for i := range rows {
		value += u.number()
		set(&rows[i], value)
	}
}
