package vatsim

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

// Where the feed is when nobody says otherwise. The data addresses are used
// while status.json cannot be read.
const (
	DefaultStatusURL       = "https://status.vatsim.net/status.json"
	DefaultNetworkURL      = "https://data.vatsim.net/v3/vatsim-data.json"
	DefaultTransceiversURL = "https://data.vatsim.net/v3/transceivers-data.json"
)

// ClientOptions say where the feed is and how much of the client's time and
// memory it may take. Zero values get the defaults named here.
type ClientOptions struct {
	StatusURL       string // of status.json; DefaultStatusURL
	NetworkURL      string // while status.json cannot be read; DefaultNetworkURL, but only beside DefaultStatusURL
	TransceiversURL string // likewise

	Version string // of Skyledger, for the User-Agent; "dev"
	Contact string // an address or URL for the User-Agent; none

	Timeout time.Duration // for one call, all attempts included; 10 s
	Stall   time.Duration // an answer that sends no byte for so long is cut, twice as long before its first; 3 s
	MaxWire int64         // bytes of a body as sent; 16 MiB
	MaxBody int64         // bytes of a body after decompression; 32 MiB
	MaxWait time.Duration // longest Retry-After that is honoured; 5 min

	// The two bodies fail by themselves: a feed without radios must not open the
	// network body's breaker.
	Policy             *fault.Policy // of the network body; fault.FeedPolicy
	TransceiversPolicy *fault.Policy // fault.FeedPolicy, named "transceivers"

	Transport http.RoundTripper // must not decompress; one of the client's own
	Clock     func() time.Time  // time.Now
	Logger    *zap.Logger       // none
	Faults    *fault.Recorder   // knows the policies that are not given; nil: nobody keeps account
}

// Client fetches the feed's bodies, conditionally, compressed and within bounds.
// It may be used by several goroutines.
type Client struct {
	options   ClientOptions
	userAgent string
	http      *http.Client

	addressing sync.Mutex
	addresses  addresses

	mu         sync.Mutex
	validators map[string]validator // of the last confirmed body, by URL
	sizes      map[string]int       // of the last body, by URL: the next is about as long
	holdUntil  time.Time            // nothing is asked before; the feed said so
}

// validator is what makes the next request for a URL conditional.
type validator struct{ etag, lastModified string }

// Fetched is the feed's answer.
type Fetched struct {
	NotModified bool      // the body is the one confirmed last; Body is nil and Hash zero
	Body        []byte    // decompressed; the caller's own
	WireBytes   int       // of the body as sent
	Hash        [32]byte  // SHA-256 of Body
	Received    time.Time // when all of it had arrived
	FeedDate    time.Time // of the Date header, in whole seconds; zero when there was none
	ETag        string

	url       string
	validator validator
}

// NewClient returns a client; it asks nothing yet.
func NewClient(options ClientOptions) *Client {
	options.fallbacks()
	options.Version = cmp.Or(options.Version, "dev")
	options.Timeout = cmp.Or(options.Timeout, 10*time.Second)
	options.Stall = cmp.Or(options.Stall, 3*time.Second)
	options.MaxWire = cmp.Or(options.MaxWire, 16<<20)
	options.MaxBody = cmp.Or(options.MaxBody, 32<<20)
	options.MaxWait = cmp.Or(options.MaxWait, 5*time.Minute)
	if options.Policy == nil {
		options.Policy = options.Faults.Policy(fault.FeedPolicy())
	}
	if options.TransceiversPolicy == nil {
		policy := fault.FeedPolicy()
		policy.Name = "transceivers"
		options.TransceiversPolicy = options.Faults.Policy(policy)
	}
	if options.Transport == nil {
		options.Transport = newTransport()
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	return &Client{
		options:    options,
		userAgent:  userAgent(options.Version, options.Contact),
		http:       &http.Client{Transport: options.Transport},
		validators: make(map[string]validator),
		sizes:      make(map[string]int),
	}
}

// fallbacks settles where the bodies are while status.json cannot be read. One
// that is not VATSIM's belongs to a recorded or simulated feed, or to a test:
// falling back to VATSIM's own data would mix real history into it.
func (o *ClientOptions) fallbacks() {
	o.StatusURL = cmp.Or(o.StatusURL, DefaultStatusURL)
	if o.StatusURL == DefaultStatusURL {
		o.NetworkURL = cmp.Or(o.NetworkURL, DefaultNetworkURL)
		o.TransceiversURL = cmp.Or(o.TransceiversURL, DefaultTransceiversURL)
		return
	}
	if o.NetworkURL == DefaultNetworkURL {
		o.NetworkURL = ""
	}
	if o.TransceiversURL == DefaultTransceiversURL {
		o.TransceiversURL = ""
	}
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    2, // network and transceivers
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // ours, so that sizes are bounded on both sides of it
	}
}

func userAgent(version, contact string) string {
	agent := "Skyledger/" + version
	if contact != "" {
		agent += " (+" + contact + ")"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, agent)
}

// Network fetches the network body. See fetch for the errors.
func (c *Client) Network(ctx context.Context) (Fetched, error) {
	return c.fetch(ctx, "vatsim.Client.Network", '{', c.options.Policy, func(ctx context.Context) string { return c.where(ctx).network })
}

// Transceivers fetches the transceivers body. See fetch for the errors.
func (c *Client) Transceivers(ctx context.Context) (Fetched, error) {
	return c.fetch(ctx, "vatsim.Client.Transceivers", '[', c.options.TransceiversPolicy, func(ctx context.Context) string { return c.where(ctx).transceivers })
}

// Get fetches a body from elsewhere, with the same bounds and policy as the
// network body: first is the byte that it must begin with, 0 for any text that
// is no web page. See fetch for the errors.
func (c *Client) Get(ctx context.Context, url string, first byte) (Fetched, error) {
	return c.fetch(ctx, "vatsim.Client.Get", first, c.options.Policy, func(context.Context) string { return url })
}

// Forget makes the next request for a URL unconditional.
func (c *Client) Forget(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.validators, url)
}

// Confirm says that a fetched body is safe: from now on the feed is asked only
// for what is newer. A body that could not be decoded or kept must not be
// confirmed, or the feed would answer that nothing has changed.
func (c *Client) Confirm(f Fetched) {
	if f.NotModified || f.validator == (validator{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.validators[f.url] = f.validator
}

// Policies returns the policies that guard the feed, for their state and counts.
func (c *Client) Policies() []*fault.Policy {
	return []*fault.Policy{c.options.Policy, c.options.TransceiversPolicy}
}

// Close drops connections that are kept open for the next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// fetch gets one body within the deadline. Its errors are classified:
// Throttled ("http_429"; "held" without any request while the feed's Retry-After
// lasts), Timeout ("deadline", "stall"), NotFound ("http_404"), Unavailable ("dns",
// "connection_refused", "network", "no_address", "breaker_open", "canceled"),
// and Upstream for an answer that is no use ("http_503", "html", "not_json",
// "truncated", "reset", "gzip", "encoding", "too_large", …).
func (c *Client) fetch(ctx context.Context, op string, first byte, policy *fault.Policy, pick func(context.Context) string) (Fetched, error) {
	if err := c.held(op); err != nil {
		return Fetched{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()

	url := pick(ctx)
	if url == "" {
		return Fetched{}, fault.E(op, fault.Unavailable, "no_address", nil)
	}
	var fetched Fetched
	err := policy.Do(ctx, func(ctx context.Context) (err error) {
		fetched, err = c.attempt(ctx, op, url, first)
		return err
	})
	if err != nil {
		return Fetched{}, err
	}
	return fetched, nil
}

// held returns the error of a call that the feed has asked us not to make.
func (c *Client) held(op string) error {
	c.mu.Lock()
	wait := c.holdUntil.Sub(c.options.Clock())
	c.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	return fault.E(op, fault.Throttled, "held", nil).WithRetryAfter(wait)
}

// hold keeps every request back for as long as the feed asked.
func (c *Client) hold(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.options.Clock().Add(wait); until.After(c.holdUntil) {
		c.holdUntil = until
	}
}
