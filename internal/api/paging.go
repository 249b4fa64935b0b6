package api

import (
	"cmp"
	"encoding/base64"
	"errors"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/skyledger/skyledger/internal/fault"
)

// page filters, sorts and cuts the rows.
func (t *table[T]) page(w *wanted, rows *Rows[T]) (*page, error) {
	p := &page{
		key: t.Key, timestamp: t.Timestamp, asOf: rows.AsOf, snapshot: rows.Snapshot, stale: rows.Stale,
		credit: rows.Attribution, next: rows.Next,
	}
	values := reflect.ValueOf(rows.All)
	chosen := t.match(w, rows.All, values)
	if rows.Keys != nil {
		p.keys = rows.Keys(selected(rows.All, chosen))
	}
	if !rows.Paged {
		var err error
		if chosen, p.next, err = t.cut(w, values, chosen); err != nil {
			return nil, fault.E("api.page", fault.Internal, "cursor", err)
		}
	}
	p.sheet = t.sheet(w, rows, values, chosen)
	p.count = p.sheet.count()
	return p, nil
}

// match returns the indexes of the rows that lie where they should.
func (t *table[T]) match(w *wanted, all []T, values reflect.Value) []int {
	chosen := make([]int, 0, len(all))
	for i := range all {
		if len(w.inside) == 0 || t.inside(w, &all[i], values.Index(i)) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

func (t *table[T]) inside(w *wanted, row *T, value reflect.Value) bool {
	here := place{lat: math.NaN(), lon: math.NaN()}
	if t.lat >= 0 && t.lon >= 0 {
		lat, latKnown := t.columns[t.lat].cell(value)
		lon, lonKnown := t.columns[t.lon].cell(value)
		if latKnown && lonKnown {
			here.lat, here.lon, here.known = lat.Float(), lon.Float(), true
		}
	}
	if t.Codes != nil {
		here.codes = t.Codes(row)
	}
	for _, holds := range w.inside {
		if !holds(here) {
			return false
		}
	}
	return true
}

func selected[T any](all []T, chosen []int) []T {
	if len(chosen) == len(all) {
		return all
	}
	some := make([]T, len(chosen))
	for i, at := range chosen {
		some[i] = all[at]
	}
	return some
}

// keyed is a row with what it is sorted by.
type keyed struct {
	row  int
	keys []any // string, float64, bool, int64 (µs) or nil, a column each, and the id
}

// cut sorts the rows and returns those of one page, and the cursor of the next.
// Rows that a page does not fill stay in their natural order when nobody asked
// for another.
func (t *table[T]) cut(w *wanted, values reflect.Value, chosen []int) ([]int, string, error) {
	paging := w.after != nil || len(chosen) > w.limit
	if len(w.order) == 0 && !paging {
		return chosen, "", nil
	}
	sorted := make([]keyed, len(chosen))
	for i, row := range chosen {
		sorted[i] = keyed{row, t.keys(w, values.Index(row), row)}
	}
	compare := func(a, b keyed) int { return w.compare(a.keys, b.keys) }
	slices.SortFunc(sorted, func(a, b keyed) int { return cmp.Or(compare(a, b), a.row-b.row) })
	if w.after != nil {
		start, _ := slices.BinarySearchFunc(sorted, keyed{keys: w.after.Keys}, func(a, b keyed) int {
			if order := compare(a, b); order != 0 {
				return order
			}
			return -1 // the row of the cursor itself was on the page before
		})
		sorted = sorted[start:]
	}
	next := ""
	if len(sorted) > w.limit {
		sorted = sorted[:w.limit]
		var err error
		if next, err = (cursor{Order: w.sortKey(t.columns), Keys: sorted[w.limit-1].keys}).String(); err != nil {
			return nil, "", err
		}
	}
	page := make([]int, len(sorted))
	for i := range sorted {
		page[i] = sorted[i].row
	}
	return page, next, nil
}

// keys are a row's values in the sort's columns, and what tells it apart.
func (t *table[T]) keys(w *wanted, row reflect.Value, at int) []any {
	keys := make([]any, 0, len(w.order)+1)
	for _, o := range w.order {
		keys = append(keys, t.columns[o.column].key(row))
	}
	if t.id >= 0 {
		return append(keys, t.columns[t.id].key(row))
	}
	return append(keys, float64(at))
}

// key is a cell as it is compared and written into a cursor.
func (c column) key(row reflect.Value) any {
	value, known := c.cell(row)
	if !known {
		return nil
	}
	switch c.kind {
	case kindTime:
		return float64(value.Interface().(time.Time).UnixMicro())
	case kindText:
		return value.String()
	case kindTruth:
		return value.Bool()
	}
	switch {
	case value.CanInt():
		return float64(value.Int())
	case value.CanUint():
		return float64(value.Uint())
	case value.CanFloat():
		return value.Float()
	default:
		return nil
	}
}

// compare orders two rows' keys; what is unknown comes last either way.
func (w *wanted) compare(a, b []any) int {
	for i := range a {
		down := i < len(w.order) && w.order[i].down
		order := compareKeys(a[i], b[i])
		if down && a[i] != nil && b[i] != nil {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func compareKeys(a, b any) int {
	switch left := a.(type) {
	case string:
		if right, ok := b.(string); ok {
			return strings.Compare(left, right)
		}
	case float64:
		if right, ok := b.(float64); ok {
			return cmp.Compare(left, right)
		}
	case bool:
		if right, ok := b.(bool); ok {
			return cmp.Compare(truth(left), truth(right))
		}
	}
	return cmp.Compare(rank(a), rank(b))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rank orders values of different kinds, which only a forged cursor brings.
func rank(value any) int {
	switch value.(type) {
	case bool:
		return 0
	case float64:
		return 1
	case string:
		return 2
	default:
		return 3
	}
}

// cursor is where a page ended: the last row's keys in the order named.
type cursor struct {
	Order string `json:"o"`
	Keys  []any  `json:"k"`
}

const listCursorVersion = "l1."

var errNotACursor = errors.New("is not a next_cursor of this list in this order")

// String makes it opaque, so that nobody builds one.
func (c cursor) String() (string, error) {
	raw, err := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(append([]byte(listCursorVersion), raw...)), err
}

func parseListCursor(text, order string) (*cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errNotACursor
	}
	body, ours := strings.CutPrefix(string(raw), listCursorVersion)
	var found cursor
	if !ours || json.Unmarshal([]byte(body), &found) != nil || found.Order != order {
		return nil, errNotACursor
	}
	for _, key := range found.Keys {
		if rank(key) == 3 && key != nil {
			return nil, errNotACursor
		}
	}
	return &found, nil
}

// timeCursor is the cursor of a list that the database pages by time: the time
// of the page's last row.
func timeCursor(at time.Time) (string, error) {
	return cursor{Keys: []any{float64(at.UnixMicro())}}.String()
}

// cursorTime reads a timeCursor; the zero time of an empty one.
func cursorTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	found, err := parseListCursor(text, "")
	if err != nil {
		return time.Time{}, err
	}
	if len(found.Keys) != 1 {
		return time.Time{}, errNotACursor
	}
	micros, isNumber := found.Keys[0].(float64)
	at := time.UnixMicro(int64(micros)).UTC()
	if !isNumber || !inRange(at) {
		return time.Time{}, errNotACursor
	}
	return at, nil
}

// keysetCursor is the cursor of a list that the database pages by time in the
// order named, with what tells rows of one moment apart. That is a text: ids lose
// digits as numbers of JSON.
func keysetCursor(order string, at time.Time, rest string) (string, error) {
	micros := at.UnixMicro()
	keys := []any{strconv.FormatInt(micros, 10) + " " + rest}
	if order != "" {
		keys = []any{float64(micros), keys[0]}
	}
	return cursor{Order: order, Keys: keys}.String()
}

// afterKeyset reads a keysetCursor; the zero time of an empty one.
func afterKeyset(text, order string) (at time.Time, rest string, err error) {
	if text == "" {
		return time.Time{}, "", nil
	}
	found, err := parseListCursor(text, order)
	if err != nil {
		return time.Time{}, "", err
	}
	if len(found.Keys) == 0 {
		return time.Time{}, "", errNotACursor
	}
	last, _ := found.Keys[len(found.Keys)-1].(string)
	digits, rest, both := strings.Cut(last, " ")
	micros, failure := strconv.ParseInt(digits, 10, 64)
	if at = time.UnixMicro(micros).UTC(); !both || failure != nil || !inRange(at) {
		return time.Time{}, "", errNotACursor
	}
	return at, rest, nil
}

// nextLink is the Link header that leads to the next page.
func nextLink(asked url.URL, cursor string) string {
	query := asked.Query()
	query.Set("cursor", cursor)
	return "<" + asked.Path + "?" + query.Encode() + `>; rel="next"`
}
