package vatsim

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// addresses are where the feed's bodies are, and until when that is believed.
type addresses struct {
	network, transceivers string
	expires               time.Time
}

const (
	addressesLast  = 6 * time.Hour    // the addresses change once in years
	addressesRetry = 10 * time.Minute // after status.json could not be read
	statusDeadline = 3 * time.Second  // so that a tick keeps most of its time
	maxStatus      = 1 << 20          // bytes; 1.5 kB today
)

// where returns the addresses of status.json. While it cannot be read, the last
// known ones stand, or else those of the options.
func (c *Client) where(ctx context.Context) addresses {
	c.addressing.Lock() // so that callers side by side ask once
	defer c.addressing.Unlock()
	known := c.addresses
	now := c.options.Clock()
	if now.Before(known.expires) {
		return known
	}
	fresh, err := c.status(ctx)
	fresh.expires = now.Add(addressesLast)
	if err != nil {
		c.options.Faults.Note(ctx, err)
		c.options.Logger.Warn("status.json cannot be read; the last known addresses stand",
			zap.String("reason", fault.ReasonOf(err)), zap.Error(err))
		fresh.expires = now.Add(addressesRetry)
	}
	fill := func(address *string, last, fallback string) {
		if *address == "" {
			*address = last
		}
		if *address == "" {
			*address = fallback
		}
	}
	fill(&fresh.network, known.network, c.options.NetworkURL)
	fill(&fresh.transceivers, known.transceivers, c.options.TransceiversURL)

	c.addresses = fresh
	return fresh
}

// status reads status.json. An address it lacks, or one that is no http URL, is "".
func (c *Client) status(ctx context.Context) (addresses, error) {
	const op = "vatsim.Client.status"
	ctx, cancel := context.WithTimeout(ctx, min(statusDeadline, c.options.Timeout/2))
	defer cancel()
	fetched, err := c.attemptWithin(ctx, op, c.options.StatusURL, '{', min(maxStatus, c.options.MaxBody))
	if err != nil {
		return addresses{}, err
	}
	var status struct {
		Data struct {
			V3           []string `json:"v3"`
			Transceivers []string `json:"transceivers"`
		} `json:"data"`
	}
	if err := json.Unmarshal(fetched.Body, &status); err != nil {
		return addresses{}, fault.E(op, fault.Upstream, "not_json", err)
	}
	found := addresses{network: firstURL(status.Data.V3), transceivers: firstURL(status.Data.Transceivers)}
	if found.network == "" {
		return found, fault.E(op, fault.Upstream, "no_address", nil)
	}
	return found, nil
}

func firstURL(candidates []string) string {
	for _, candidate := range candidates {
		parsed, err := url.Parse(candidate)
		if err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https") {
			return candidate
		}
	}
	return ""
}
