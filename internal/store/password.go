package store

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// Password keeps a role's password between connections and reads it again when
// a login was refused: it may have been changed meanwhile. Safe for concurrent
// use.
type Password struct {
	read func(ctx context.Context) (string, error)

	mu       sync.Mutex
	password string
	known    bool
}

// NewPassword returns one that is read from where it is kept; nil takes what
// the database's URL says.
func NewPassword(read func(ctx context.Context) (string, error)) *Password {
	return &Password{read: read}
}

// Apply puts the password into a connection's settings, as pgx asks before it
// connects. Its error is fault.Unavailable.
func (p *Password) Apply(ctx context.Context, config *pgx.ConnConfig) error {
	if p.read == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		password, err := p.read(ctx)
		if err != nil {
			return fault.E("store.Password", fault.Unavailable, "secret", err)
		}
		p.password, p.known = password, true
	}
	config.Password = p.password
	return nil
}

// Forget has the password read anew for the next connection. It reports whether
// that may help.
func (p *Password) Forget() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = false
	return p.read != nil
}
