package live

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/skyledger/skyledger/internal/fault"
)

// Timeout is the longest that one request waits for Redis in all.
const Timeout = 50 * time.Millisecond

// dialTimeout bounds what the client does on its own behalf, beyond any
// request: a connection that was begun for one may serve the next.
const dialTimeout = 2 * time.Second

// Dial returns a client for the cache at url. It connects when first used. The
// client never retries: who asks has another layer to go to.
func Dial(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		// The cause may quote the URL, which holds a password.
		return nil, fault.E("live.Dial", fault.Invalid, "redis_url", nil).WithMessage("REDIS_URL is not a Redis URL.")
	}
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1
	options.DialTimeout = dialTimeout
	options.DialerRetries = 1
	options.ReadTimeout, options.WriteTimeout = dialTimeout, dialTimeout
	options.DisableIdentity = true // two commands fewer on each connection
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}
