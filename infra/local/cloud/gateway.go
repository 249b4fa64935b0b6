package cloud

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/route"
)

// The bounds that AWS sets: API Gateway's on a request, Lambda's on an answer.
const (
	maxRequest  = 10 << 20  // bytes
	maxResponse = 6_291_556 // bytes, of the response's JSON
)

// Gateway is API Gateway's HTTP API: it turns requests into events of payload
// version 2.0, sends them to the function whose route matches, and writes what
// comes back.
type Gateway struct {
	mux    *route.Table // routes of one method
	any    *route.Table // routes of every method that those leave over
	clock  *Clock
	logger *zap.Logger
}

// NewGateway returns a gateway without routes.
func NewGateway(clock *Clock, logger *zap.Logger) *Gateway {
	return &Gateway{mux: &route.Table{}, any: &route.Table{}, clock: clock, logger: logger}
}

// Route sends a method and path (API Gateway's syntax: /a/{b}, /a/{rest+}) to a
// function.
func (g *Gateway) Route(method, path string, function *Function) {
	mux, pattern := g.any, strings.ReplaceAll(path, "+}", "...}")
	if method != anyMethod {
		mux, pattern = g.mux, method+" "+pattern
	}
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimRight(name, "+}"))
		}
	}
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		g.serve(w, r, function, method+" "+path, names)
	})
}

// anyMethod routes every method that no route of its own takes.
const anyMethod = "ANY"

// ServeHTTP answers what no route matches with 404: unlike ServeMux, API
// Gateway knows no 405, and GET does not mean HEAD.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := g.mux.Handler(r); strings.HasPrefix(pattern, r.Method+" ") {
		g.mux.ServeHTTP(w, r)
		return
	}
	if _, pattern := g.any.Handler(r); pattern != "" {
		g.any.ServeHTTP(w, r)
		return
	}
	writeProblem(w, http.StatusNotFound, "not_found", "There is nothing at "+r.Method+" "+r.URL.Path+".", newID())
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, function *Function, route string, names []string) {
	id := newID()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		writeProblem(w, http.StatusRequestEntityTooLarge, "too_large", "The request's body is larger than 10 MB.", id)
		return
	}
	payload, err := json.Marshal(g.event(r, id, route, names, body))
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, "internal", "The request could not be passed on.", id)
		return
	}
	answer, err := function.Invoke(r.Context(), id, payload)
	if err != nil {
		writeProblem(w, http.StatusBadGateway, "function_failed", "The function failed; its log says why under this request id.", id)
		return
	}
	if len(answer) > maxResponse {
		g.logger.Error("answer larger than Lambda allows", zap.String("route", route), zap.Int("bytes", len(answer)))
		writeProblem(w, http.StatusBadGateway, "answer_too_large", "The answer is larger than the 6 MB that can be sent: ask for less.", id)
		return
	}
	g.write(w, answer, id)
}

func (g *Gateway) event(r *http.Request, id, route string, names []string, body []byte) events.APIGatewayV2HTTPRequest {
	sourceIP, _, _ := net.SplitHostPort(r.RemoteAddr)
	now := g.clock.Now()
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: route, RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: headersOf(r, sourceIP), QueryStringParameters: joined(r.URL.Query()),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: route, AccountID: accountID, Stage: "$default", RequestID: id, APIID: region,
			DomainName: r.Host, DomainPrefix: region,
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: sourceIP, UserAgent: r.UserAgent(),
			},
		},
	}
	for _, cookie := range r.Cookies() {
		event.Cookies = append(event.Cookies, cookie.Name+"="+cookie.Value)
	}
	for _, name := range names {
		if event.PathParameters == nil {
			event.PathParameters = map[string]string{}
		}
		event.PathParameters[name] = r.PathValue(name)
	}
	event.Body, event.IsBase64Encoded = string(body), false
	if len(body) > 0 && !isText(r.Header.Get("Content-Type"), body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return event
}

// headersOf lower-cases the names and joins values with commas; cookies have a
// member of their own.
func headersOf(r *http.Request, sourceIP string) map[string]string {
	headers := map[string]string{"host": r.Host, "x-forwarded-for": sourceIP, "x-forwarded-proto": "http"}
	for name, values := range r.Header {
		if lower := strings.ToLower(name); lower != "cookie" {
			headers[lower] = strings.Join(values, ",")
		}
	}
	return headers
}

func joined(values url.Values) map[string]string {
	if len(values) == 0 {
		return nil
	}
	single := make(map[string]string, len(values))
	for name, several := range values {
		single[name] = strings.Join(several, ",")
	}
	return single
}

func isText(contentType string, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	text := kind == "" || strings.HasPrefix(kind, "text/") || kind == "application/x-www-form-urlencoded" ||
		strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") || strings.HasSuffix(kind, "javascript")
	return text && utf8.Valid(body)
}

// write sends a function's answer. One without a status code is, as with API
// Gateway, itself the body of a 200.
func (g *Gateway) write(w http.ResponseWriter, answer []byte, id string) {
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &response); err != nil || response.StatusCode == 0 {
		response = events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusOK, Body: string(answer), Headers: map[string]string{"content-type": "application/json"},
		}
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			writeProblem(w, http.StatusBadGateway, "bad_answer", "The function's answer could not be read.", id)
			return
		}
		body = decoded
	}
	for name, values := range response.MultiValueHeaders {
		for _, value := range values {
			w.Header().Add(name, value)
		}
	}
	for name, value := range response.Headers {
		if w.Header().Get(name) == "" { // several values are in the other member
			w.Header().Set(name, value)
		}
	}
	for _, cookie := range response.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.Header().Set("Apigw-Requestid", id)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body) // the client may have gone
}

// writeProblem answers in the form of RFC 9457.
func writeProblem(w http.ResponseWriter, status int, code, detail, id string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Request-Id", id)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status,
		"code": code, "detail": detail, "request_id": id,
	})
}

// Server returns an HTTP server for the gateway with bounds on slow clients.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler: g, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: zap.NewStdLog(g.logger),
	}
}
