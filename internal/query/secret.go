package query

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

// secret keeps the password between connections and reads it again when a
// login was refused.
type secret struct {
	read func(ctx context.Context) (string, error)

	mu       sync.Mutex
	password string
	known    bool
}

func (s *secret) apply(ctx context.Context, config *pgx.ConnConfig) error {
	if s.read == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		password, err := s.read(ctx)
		if err != nil {
			return fault.E("query.Password", fault.Unavailable, "secret", err)
		}
		s.password, s.known = password, true
	}
	config.Password = s.password
	return nil
}

// forget reports whether reading the password again may help.
func (s *secret) forget() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = false
	return s.read != nil
}
