package vatsim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/fault"
)

const (
	throttledWait = 30 * time.Second // after a 429 that does not say how long
	loggedBytes   = 200              // of a body that is no JSON
)

// attempt makes one request for a body. What its answer says about waiting
// holds for every later request.
func (c *Client) attempt(ctx context.Context, op, url string, first byte) (Fetched, error) {
	fetched, err := c.attemptWithin(ctx, op, url, first, c.options.MaxBody)
	if wait := fault.RetryAfter(err); wait > 0 {
		c.hold(wait)
	}
	return fetched, err
}

func (c *Client) attemptWithin(ctx context.Context, op, url string, first byte, maxBody int64) (Fetched, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := newStallWatch(c.options.Stall, cancel)
	defer watch.stop()

	request, conditional, err := c.request(ctx, op, url)
	if err != nil {
		return Fetched{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Fetched{}, transportFault(ctx, op, err)
	}
	defer response.Body.Close()
	watch.progress()

	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusNotModified && conditional:
		fetched := c.fetched(response, url)
		fetched.NotModified = true
		return fetched, nil
	default:
		return Fetched{}, c.statusFault(op, response)
	}
	body, wire, err := c.read(ctx, op, response, watch, maxBody)
	if err != nil {
		return Fetched{}, err
	}
	if err := c.checkShape(op, body, first); err != nil {
		return Fetched{}, err
	}
	fetched := c.fetched(response, url)
	fetched.Body, fetched.WireBytes, fetched.Hash = body, wire, sha256.Sum256(body)
	return fetched, nil
}

// request makes the request and reports whether it is conditional.
func (c *Client) request(ctx context.Context, op, url string) (_ *http.Request, conditional bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, false, fault.E(op, fault.Invalid, "address", err)
	}
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept", "application/json, */*;q=0.5")
	request.Header.Set("Accept-Encoding", "gzip")
	c.mu.Lock()
	known := c.validators[url]
	c.mu.Unlock()
	if known.etag != "" {
		request.Header.Set("If-None-Match", known.etag)
	}
	if known.lastModified != "" {
		request.Header.Set("If-Modified-Since", known.lastModified)
	}
	return request, known != validator{}, nil
}

// fetched is what an answer's head says.
func (c *Client) fetched(response *http.Response, url string) Fetched {
	header := response.Header
	fetched := Fetched{
		Received:  c.options.Clock(),
		ETag:      header.Get("ETag"),
		url:       url,
		validator: validator{etag: header.Get("ETag"), lastModified: header.Get("Last-Modified")},
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		fetched.FeedDate = date.UTC()
	}
	return fetched
}

// statusFault is the error of an answer that is neither 200 nor an expected 304.
func (c *Client) statusFault(op string, response *http.Response) error {
	reason := "http_" + strconv.Itoa(response.StatusCode)
	wait := min(fault.AskedWait(response.Header, c.options.Clock()), c.options.MaxWait)
	class := fault.Upstream
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		class = fault.Throttled
		if wait == 0 {
			wait = throttledWait
		}
	case http.StatusNotFound: // the server is well and has no such body
		class = fault.NotFound
	}
	return fault.E(op, class, reason, nil).WithRetryAfter(wait)
}

// checkShape refuses a body that cannot be the JSON value that begins with
// first, or a web page where first is 0. Only of a body that is no JSON at all the beginning is logged: JSON may
// hold names.
func (c *Client) checkShape(op string, body []byte, first byte) error {
	text := bytes.TrimSpace(body)
	var reason string
	switch {
	case len(text) == 0:
		reason = "empty"
	case text[0] == '<':
		reason = "html"
	case first == 0: // some text
		return nil
	case text[0] != '{' && text[0] != '[':
		reason = "not_json"
	case text[0] != first:
		reason = "not_object"
	case text[len(text)-1] != first+2: // in ASCII, { and }, [ and ] are two apart
		reason = "truncated"
	default:
		return nil
	}
	if reason == "html" || reason == "not_json" {
		c.options.Logger.Warn("the answer is not what it should be", zap.String("operation", op),
			zap.String("reason", reason), zap.ByteString("beginning", text[:min(len(text), loggedBytes)]))
	}
	return fault.E(op, fault.Upstream, reason, nil)
}
