package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// shelf keeps the keys it is given and refuses ids it has.
type shelf map[string]store.APIKey

func (s shelf) AddAPIKey(_ context.Context, key store.APIKey) error {
	if _, taken := s[key.ID]; taken {
		return fault.E("test", fault.Conflict, "key_exists", nil)
	}
	s[key.ID] = key
	return nil
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestIssue(t *testing.T) {
	t.Run("the key is not in what is stored, its hash is", func(t *testing.T) {
		kept := shelf{}
		text, key, err := Issue(t.Context(), kept, rand.Reader, " Grafana ", []Scope{Read, Query}, noon, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, "_")
		if len(parts) != 3 || parts[0] != "sky" || parts[1] != key.ID || len(parts[2]) != 32 {
			t.Fatalf("the key has %d parts", len(parts))
		}
		sum := sha256.Sum256([]byte(text))
		stored := kept[key.ID]
		if !bytes.Equal(stored.Hash, sum[:]) || stored.Name != "Grafana" || !stored.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("stored %+v", stored)
		}
	})
	t.Run("two keys have nothing in common", func(t *testing.T) {
		kept := shelf{}
		first, _, err1 := Issue(t.Context(), kept, rand.Reader, "a", []Scope{Read}, noon, time.Time{})
		second, _, err2 := Issue(t.Context(), kept, rand.Reader, "a", []Scope{Read}, noon, time.Time{})
		if err := errors.Join(err1, err2); err != nil || first[4:] == second[4:] || first[13:] == second[13:] {
			t.Errorf("%v, or the same key twice", err)
		}
	})
	t.Run("an id that is taken is drawn again", func(t *testing.T) {
		same := bytes.Repeat([]byte{7}, idBytes+secretBytes)
		random := io.MultiReader(bytes.NewReader(same), bytes.NewReader(same), rand.Reader)
		kept := shelf{}
		for range 2 {
			if _, _, err := Issue(t.Context(), kept, random, "a", []Scope{Read}, noon, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		if len(kept) != 2 {
			t.Errorf("%d keys", len(kept))
		}
	})
	refused := map[string]func() (string, []Scope, time.Time, io.Reader){
		"no name":                 func() (string, []Scope, time.Time, io.Reader) { return "  ", []Scope{Read}, time.Time{}, rand.Reader },
		"a name of several lines": func() (string, []Scope, time.Time, io.Reader) { return "a\nb", []Scope{Read}, time.Time{}, rand.Reader },
		"a name without end": func() (string, []Scope, time.Time, io.Reader) {
			return strings.Repeat("é", 101), []Scope{Read}, time.Time{}, rand.Reader
		},
		"no scope":        func() (string, []Scope, time.Time, io.Reader) { return "a", nil, time.Time{}, rand.Reader },
		"an end long ago": func() (string, []Scope, time.Time, io.Reader) { return "a", []Scope{Read}, noon, rand.Reader },
		"no randomness": func() (string, []Scope, time.Time, io.Reader) {
			return "a", []Scope{Read}, time.Time{}, bytes.NewReader(nil)
		},
	}
	for name, given := range refused {
		t.Run("refuses "+name, func(t *testing.T) {
			what, scopes, expires, random := given()
			kept := shelf{}
			text, _, err := Issue(t.Context(), kept, random, what, scopes, noon, expires)
			if err == nil || text != "" || len(kept) != 0 {
				t.Errorf("a key of %d characters, %d kept, error %v", len(text), len(kept), err)
			}
		})
	}
}

func FuzzIDOf(f *testing.F) {
	valid := "sky_abcdefgh_" + strings.Repeat("a2", 16)
	for _, seed := range []string{valid, "", "sky_", "sky_abcdefgh", strings.ToUpper(valid), valid + "a", strings.Replace(valid, "_a2", "-a2", 1), "sky_abcd\x00fgh_" + strings.Repeat("a2", 16)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := idOf(text)
		parts := strings.Split(text, "_")
		good := len(parts) == 3 && parts[0] == "sky" && len(parts[1]) == 8 && len(parts[2]) == 32 &&
			strings.Trim(parts[1]+parts[2], "abcdefghijklmnopqrstuvwxyz234567") == ""
		if ok != good || ok && id != parts[1] {
			t.Errorf("%q: id %q, %v", text, id, ok)
		}
	})
}

func TestMatchesComparesTheWholeKey(t *testing.T) {
	_, text, err := newKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hash := hashOf(text)
	if !matches(text, hash[:]) {
		t.Error("the key does not match its hash")
	}
	for i := range len(text) {
		other := []byte(text)
		other[i] ^= 1
		if matches(string(other), hash[:]) {
			t.Errorf("a key with another byte %d matches", i)
		}
	}
	if matches(text, hash[:31]) || matches(text, nil) {
		t.Error("a key matches a part of its hash")
	}
}

// TestHashesAreComparedInConstantTime reads the package's source: a hash may be
// compared by crypto/subtle alone, and how long that takes cannot be tested.
func TestHashesAreComparedInConstantTime(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	constant := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.BinaryExpr:
				if compares := node.Op == token.EQL || node.Op == token.NEQ; compares && (namesHash(node.X) || namesHash(node.Y)) {
					t.Errorf("%s compares a hash with %s", file.Name(), node.Op)
				}
			case *ast.SelectorExpr:
				switch node.Sel.Name {
				case "ConstantTimeCompare":
					constant++
				case "Equal", "Compare", "EqualFold":
					t.Errorf("%s compares with %s", file.Name(), node.Sel.Name)
				}
			}
			return true
		})
	}
	if constant != 1 {
		t.Errorf("%d comparisons in constant time, want the one", constant)
	}
}

func namesHash(expression ast.Expr) bool {
	found := false
	ast.Inspect(expression, func(node ast.Node) bool {
		name, ok := node.(*ast.Ident)
		if ok && name.Name == "subtle" {
			return false
		}
		if call, isCall := node.(*ast.CallExpr); isCall && !namesHash(call.Fun) {
			return false // a call's result is not the hash that went in
		}
		found = found || ok && (strings.EqualFold(name.Name, "hash") || name.Name == "hashOf" || name.Name == "shown")
		return true
	})
	return found
}

func TestScopes(t *testing.T) {
	covers := map[Scope]string{Nothing: "", Read: "read", Query: "read query", Admin: "read query admin", "root": ""}
	for scope, needs := range covers {
		for _, need := range []Scope{Read, Query, Admin, "root"} {
			if want := strings.Contains(" "+needs+" ", " "+string(need)+" "); scope.Covers(need) != want {
				t.Errorf("%q covers %q: %v", scope, need, !want)
			}
		}
		if !scope.Covers(Nothing) {
			t.Errorf("%q does not cover what needs nothing", scope)
		}
	}
	if got, err := ParseScopes("query, read,query"); err != nil || len(got) != 2 || got[0] != Query || got[1] != Read {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []string{"", "read,", "write", "READ"} {
		if got, err := ParseScopes(wrong); err == nil {
			t.Errorf("%q: %v", wrong, got)
		}
	}
}

func TestNetwork(t *testing.T) {
	tests := []struct{ name, first, second string }{
		{"the port does not matter", "192.0.2.1:4711", "192.0.2.1"},
		{"an IPv4 address is one however it is written", "::ffff:192.0.2.1", "192.0.2.1"},
		{"a /64 is one", "2001:db8:0:1::1", "[2001:db8:0:1:ffff::2]:443"},
		{"zones do not matter", "fe80::1%eth0", "fe80::2"},
		{"what cannot be read is one", "somewhere", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if first, second := network(test.first), network(test.second); first != second {
				t.Errorf("%s and %s", first, second)
			}
		})
	}
	different := []string{"192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1", "nothing"}
	for i, first := range different {
		for _, second := range different[i+1:] {
			if network(first) == network(second) {
				t.Errorf("%s and %s are one", first, second)
			}
		}
	}
}
