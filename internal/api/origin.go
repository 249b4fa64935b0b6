package api

import (
	"net/http"
	"slices"
	"strings"
)

const (
	anyOrigin = "*"
	// exposedHeaders are those of answers that pages of other origins may read.
	exposedHeaders = "ETag, Link, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, WWW-Authenticate, X-Request-Id, X-Snapshot"
	// askedHeaders are those of requests that they may send.
	askedHeaders   = "Accept, Authorization, Content-Type, If-None-Match, Last-Event-ID, X-API-Key, X-Request-Id"
	readingMethods = "GET, HEAD, OPTIONS"
	allMethods     = "GET, HEAD, OPTIONS, POST, PUT, DELETE"
)

// crossOrigin says which web pages may read the answer. Cookies play no part
// here: a page can do no more than whoever types the same address, and show a
// key only if it was given one.
func (s *service) crossOrigin(header http.Header, r *http.Request) {
	header.Set("Access-Control-Expose-Headers", exposedHeaders)
	if s.Origins == nil || slices.Contains(s.Origins, anyOrigin) {
		header.Set("Access-Control-Allow-Origin", anyOrigin)
		return
	}
	header.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); s.knows(origin) {
		header.Set("Access-Control-Allow-Origin", origin)
	}
}

// knows reports whether an origin was named by the setting.
func (s *service) knows(origin string) bool {
	return origin != "" && origin != anyOrigin && slices.Contains(s.Origins, strings.ToLower(origin))
}

// preflight tells a browser what pages of an origin may send: those that the
// setting names everything, others what reads. A page that anybody wrote must
// not run queries on the laptop of whoever opens it.
func (s *service) preflight(w http.ResponseWriter, r *http.Request, allowed string) {
	methods := readingMethods
	if s.knows(r.Header.Get("Origin")) {
		methods = allMethods
	}
	header := w.Header()
	if allowed != "" {
		header.Set("Allow", allowed+", OPTIONS")
	}
	header.Set("Access-Control-Allow-Methods", methods)
	header.Set("Access-Control-Allow-Headers", askedHeaders)
	header.Set("Access-Control-Max-Age", "86400")
	header.Set("Vary", "Origin")
	w.WriteHeader(http.StatusNoContent)
}
