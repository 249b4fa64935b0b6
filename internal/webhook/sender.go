package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
)

// The headers of a signed webhook. The signature reads t=SECONDS,v1=HEX: HEX is
// the HMAC-SHA256, with the receiver's secret as key, over SECONDS, a full stop
// and the body as it was sent. A receiver refuses a signature whose time is more
// than five minutes from its own, and a delivery that it has seen: then nothing
// that was overheard can be sent again.
const (
	HeaderSignature = "Skyledger-Signature"
	HeaderDelivery  = "Skyledger-Delivery" // id, the same in every attempt
	HeaderEvent     = "Skyledger-Event"
)

// Options are a client's parts.
type Options struct {
	Allowed Networks
	Clock   func() time.Time // of the signatures: real time
}

// Client sends messages. Safe for concurrent use.
type Client struct {
	options   Options
	secure    *http.Client
	unsecured *http.Client
}

// connectTimeout leaves an attempt time for its answer.
const connectTimeout = 4 * time.Second

// New returns a client.
func New(options Options) *Client {
	return &Client{
		options: options,
		secure:  newClient(guard{allowed: options.Allowed, encrypted: true}), unsecured: newClient(guard{allowed: options.Allowed}),
	}
}

// newClient connects anew for each message: every connection passes the guard,
// and there are few messages. The environment's proxy is not used: it would
// connect where the guard does not see.
func newClient(g guard) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: g.control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, Proxy: nil, DisableKeepAlives: true, DisableCompression: true,
			TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Sender returns the sender of a kind of receiver: webhook, discord or slack.
func (c *Client) Sender(kind string) alert.Sender { return sender{c, kind} }

type sender struct {
	client *Client
	kind   string
}

// Send posts the message. Of the answer nothing is read but its status. Its
// errors: Invalid "address_refused" where nothing was connected to, "redirected"
// and "http_4xx" where trying again does not help; Throttled, Upstream
// "http_5xx", Timeout and Unavailable where it may.
func (s sender) Send(ctx context.Context, target alert.Target, message alert.Message) (*int, error) {
	const op = "webhook.Send"
	body, err := shape(s.kind, message)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "message", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "address", nil)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Skyledger")
	request.Header.Set(HeaderDelivery, message.ID)
	request.Header.Set(HeaderEvent, message.Event)
	if target.Secret != "" {
		request.Header.Set(HeaderSignature, signature(target.Secret, s.client.options.Clock(), body))
	}
	client := s.client.secure
	if request.URL.Scheme != "https" {
		client = s.client.unsecured
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, unsent(ctx, op, err)
	}
	_ = response.Body.Close() // whatever is in it
	status := response.StatusCode
	return &status, s.client.judge(op, response)
}

// signature is what the receiver compares.
func signature(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// unsent classifies a request without an answer. The cause names the address,
// which may hold a token: it is left out.
func unsent(ctx context.Context, op string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, errRefused):
		return fault.E(op, fault.Invalid, "address_refused", nil)
	case ctx.Err() != nil || isTimeout(err):
		return fault.E(op, fault.Timeout, "timeout", nil)
	case errors.As(err, &dns):
		return fault.E(op, fault.Unavailable, "dns", nil)
	case strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "x509:"):
		return fault.E(op, fault.Upstream, "tls", nil)
	default:
		return fault.E(op, fault.Unavailable, "connection", nil)
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// judge says what an answer's status means.
func (c *Client) judge(op string, response *http.Response) error {
	status := response.StatusCode
	reason := "http_" + strconv.Itoa(status)
	wait := fault.AskedWait(response.Header, c.options.Clock())
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fault.E(op, fault.Invalid, "redirected", nil)
	case status == http.StatusTooManyRequests:
		return fault.E(op, fault.Throttled, reason, nil).WithRetryAfter(wait)
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return fault.E(op, fault.Upstream, reason, nil).WithRetryAfter(wait)
	default:
		return fault.E(op, fault.Invalid, reason, nil)
	}
}

// shape is a message as its receiver reads it.
func shape(kind string, message alert.Message) ([]byte, error) {
	switch kind {
	case "discord":
		return json.Marshal(discordMessage(message))
	case "slack":
		return json.Marshal(slackMessage(message))
	default:
		return json.Marshal(message)
	}
}
