package alert

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"sync"

	"github.com/skyledger/skyledger/internal/fault"
)

// Target is where a receiver is reached: what is secret about it.
type Target struct {
	Kind   string `json:"kind"`
	URL    string `json:"url,omitempty"`    // of webhook, discord, slack
	Secret string `json:"secret,omitempty"` // that a webhook is signed with
	Topic  string `json:"topic,omitempty"`  // ARN, of sns
}

// LeastKey is the fewest characters a key may have.
const LeastKey = 32

// Sealer keeps targets so that they can be used and not read: AES-256-GCM with
// a key that is not in the database, bound to the rule and receiver, so that one
// receiver's cannot be put in another's place. Without a key they are kept as
// they are, and say so. Safe for concurrent use.
type Sealer struct {
	read   func(ctx context.Context) (string, error)
	random io.Reader

	mu   sync.Mutex
	keys []sealKey // the first seals, all of them open; nil before they are read
}

type sealKey struct {
	name string
	aead cipher.AEAD
}

// NewSealer makes one of keys separated by commas, which are read when they are
// needed first: the first seals, the others still open what they sealed before.
// No keys at all seal nothing.
func NewSealer(read func(ctx context.Context) (string, error), random io.Reader) *Sealer {
	return &Sealer{read: read, random: random}
}

// Keys makes a reader of keys that are known.
func Keys(keys string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return keys, nil }
}

func (s *Sealer) ready(ctx context.Context) ([]sealKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	text, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	s.keys, err = parseKeys(text)
	return s.keys, err
}

func parseKeys(keys string) ([]sealKey, error) {
	parsed := []sealKey{}
	for text := range strings.SplitSeq(keys, ",") {
		text = strings.TrimSpace(text)
		if text == "" && keys == "" {
			return parsed, nil
		}
		if len(text) < LeastKey {
			return nil, fault.E("alert.NewSealer", fault.Unavailable, "alert_key", nil).
				WithMessage("A key of ALERT_KEY needs 32 characters at least: openssl rand -base64 32 makes one.")
		}
		key := sha256.Sum256([]byte("skyledger alert receivers\x00" + text))
		name := sha256.Sum256(key[:])
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, fault.E("alert.NewSealer", fault.Internal, "cipher", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fault.E("alert.NewSealer", fault.Internal, "cipher", err)
		}
		parsed = append(parsed, sealKey{hex.EncodeToString(name[:4]), aead})
	}
	return parsed, nil
}

// Seal returns what may be kept of a target, and the name of the key that opens
// it; "" where none does.
func (s *Sealer) Seal(ctx context.Context, rule, receiver string, target Target) (sealed []byte, key string, err error) {
	const op = "alert.Seal"
	keys, err := s.ready(ctx)
	if err != nil {
		return nil, "", err
	}
	plain, err := json.Marshal(target)
	if err != nil {
		return nil, "", fault.E(op, fault.Internal, "target", err)
	}
	if len(keys) == 0 {
		return plain, "", nil
	}
	by := keys[0]
	nonce := make([]byte, by.aead.NonceSize())
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return nil, "", fault.E(op, fault.Internal, "random", err)
	}
	return by.aead.Seal(nonce, nonce, plain, boundTo(rule, receiver)), by.name, nil
}

// Open returns a sealed target. Its errors never hold any of it.
func (s *Sealer) Open(ctx context.Context, rule, receiver string, sealed []byte, key string) (target Target, err error) {
	const op = "alert.Open"
	plain := sealed
	if key != "" {
		keys, err := s.ready(ctx)
		if err != nil {
			return target, err
		}
		plain = nil
		for _, by := range keys {
			if by.name == key && len(sealed) > by.aead.NonceSize() {
				size := by.aead.NonceSize()
				plain, err = by.aead.Open(nil, sealed[:size], sealed[size:], boundTo(rule, receiver))
			}
		}
		if err != nil || plain == nil {
			return target, fault.E(op, fault.Invalid, "secret_unreadable", nil).
				WithMessage("The receiver's address was encrypted with a key that ALERT_KEY does not have any more: give it again.")
		}
	}
	if json.Unmarshal(plain, &target) != nil {
		return target, fault.E(op, fault.Internal, "secret_shape", nil)
	}
	return target, nil
}

func boundTo(rule, receiver string) []byte { return []byte(rule + "\x00" + receiver) }
