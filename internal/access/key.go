package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/store"
)

// A key reads sky_<id>_<secret>. The prefix lets people and scanners of source
// code recognize one; the id is public and names it in lists and logs.
const (
	keyPrefix    = "sky_"
	idBytes      = 5  // 8 characters
	secretBytes  = 20 // 160 bits, 32 characters
	idLength     = idBytes * 8 / 5
	secretLength = secretBytes * 8 / 5
	keyLength    = len(keyPrefix) + idLength + 1 + secretLength
	alphabet     = "abcdefghijklmnopqrstuvwxyz234567"
)

const (
	longestName = 100 // characters of a key's name
	idAttempts  = 3   // at finding an id that is free; taken ones are rare
)

// Adder stores new keys; *store.Store is one.
type Adder interface {
	AddAPIKey(ctx context.Context, key store.APIKey) error
}

// Issue makes a key and stores its hash. text is the key itself, which cannot
// be had again. expires may be zero. Its errors are fault.Invalid and the
// store's.
func Issue(ctx context.Context, keys Adder, random io.Reader, name string, scopes []Scope, now, expires time.Time) (text string, key store.APIKey, err error) {
	const op = "access.Issue"
	name = strings.TrimSpace(name)
	switch {
	case name == "" || utf8.RuneCountInString(name) > longestName || strings.ContainsFunc(name, notPrintable):
		return "", key, fault.E(op, fault.Invalid, "name", nil).WithMessage("A key needs a name of 1 to 100 printable characters.")
	case len(scopes) == 0:
		return "", key, fault.E(op, fault.Invalid, "scopes", nil).WithMessage("A key needs a scope: read, query or admin.")
	case !expires.IsZero() && !expires.After(now):
		return "", key, fault.E(op, fault.Invalid, "expires", nil).WithMessage("A key must expire later than now.")
	}
	for range idAttempts {
		id, made, randomErr := newKey(random)
		if randomErr != nil {
			return "", key, fault.E(op, fault.Internal, "random", randomErr)
		}
		hash := hashOf(made)
		key = store.APIKey{ID: id, Name: name, Hash: hash[:], Scopes: names(scopes), Created: now.UTC(), Expires: expires.UTC()}
		if err = keys.AddAPIKey(ctx, key); !fault.Is(err, fault.Conflict) {
			text = made
			break
		}
	}
	if err != nil {
		return "", store.APIKey{}, err
	}
	return text, key, nil
}

func notPrintable(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }

func newKey(random io.Reader) (id, text string, err error) {
	var raw [idBytes + secretBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", "", err
	}
	encoding := base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
	id = encoding.EncodeToString(raw[:idBytes])
	return id, keyPrefix + id + "_" + encoding.EncodeToString(raw[idBytes:]), nil
}

// idOf returns the id of a well-formed key.
func idOf(text string) (id string, ok bool) {
	if len(text) != keyLength || text[:len(keyPrefix)] != keyPrefix {
		return "", false
	}
	id, secret := text[len(keyPrefix):len(keyPrefix)+idLength], text[keyLength-secretLength:]
	return id, text[len(keyPrefix)+idLength] == '_' && ofAlphabet(id) && ofAlphabet(secret)
}

func ofAlphabet(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// hashOf is what is stored of a key. Its secret has 160 random bits: there is
// nothing to guess that a slow hash would protect.
func hashOf(text string) [sha256.Size]byte {
	var raw [keyLength]byte
	copy(raw[:], text)
	return sha256.Sum256(raw[:])
}

// matches compares in constant time, so that how long a refusal takes says
// nothing about the stored hash.
func matches(text string, hash []byte) bool {
	shown := hashOf(text)
	return subtle.ConstantTimeCompare(shown[:], hash) == 1
}
