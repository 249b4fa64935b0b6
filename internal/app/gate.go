package app

import (
	"context"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
)

// Gate returns what lets requests in, one for all functions of the process, so
// that they count and remember together. It lives in the wall's time: keys and
// limits know nothing of a feed that runs faster.
func (r *Runtime) Gate(ctx context.Context) (*access.Gate, error) {
	policy, err := access.NewPolicy(r.Config.APIAccess, r.Loopback)
	if err != nil {
		return nil, fault.E("app.Gate", fault.Invalid, "api_access", err).WithMessage("API_ACCESS is neither open nor keys.")
	}
	database, err := r.Answers(ctx)
	if err != nil {
		return nil, err
	}
	client, err := r.Redis()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gate == nil {
		r.gate = access.NewGate(access.Options{
			Keys: database, Policy: policy, Redis: client, Space: r.space(), Logger: r.Logger, Faults: r.Faults(),
			Rates: access.Rates{
				Address: access.PerMinute(r.Config.RateLimitAddress),
				Key:     access.PerMinute(r.Config.RateLimitKey),
				Query:   access.PerMinute(r.Config.RateLimitQuery),
			},
		})
	}
	return r.gate, nil
}
