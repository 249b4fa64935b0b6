package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// Scope is what a caller must be allowed to do. ScopeRead is open to everybody
// where the deployment says so.
type Scope string

// The scopes.
const (
	ScopeNone  Scope = "none"  // nothing is needed, whatever the deployment says
	ScopeRead  Scope = "read"  // look at what is recorded
	ScopeQuery Scope = "query" // run statements of one's own
	ScopeAdmin Scope = "admin" // change something
)

// Operation says what one endpoint is: for its registration and for the
// documentation made from it.
type Operation struct {
	Method      string // GET when empty
	Path        string
	Summary     string // one line
	Description string // what the summary leaves open
	Example     string // path and query that show it; the path when empty
	ExampleBody string // of a POST, as JSON
	Scope       Scope  // ScopeRead when empty
	// Keep is how long an answer may be kept: 0 is until the next tick, less
	// than 0 is not without asking again.
	Keep time.Duration
}

// longestBody is the largest body that a request may have.
const longestBody = 64 << 10 // bytes

// huma returns the operation in huma's terms. Errors of every kind are problems.
func (o Operation) huma(s *service) huma.Operation {
	problem := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	method := o.method()
	operation := huma.Operation{
		OperationID: operationID(o.Path), Method: method, Path: o.Path, Summary: o.Summary, Description: o.Description,
		Tags: []string{s.group}, MaxBodyBytes: longestBody,
		Responses: map[string]*huma.Response{"default": {
			Description: "What went wrong, as RFC 9457 has it",
			Content:     map[string]*huma.MediaType{problemType: {Schema: problem}},
		}},
		Security:   o.scope().security(),
		Extensions: map[string]any{"x-example": o.example()},
	}
	if method != http.MethodGet {
		operation.OperationID = strings.ToLower(method) + "-" + operation.OperationID
	}
	if o.ExampleBody != "" {
		operation.Extensions["x-example-body"] = o.ExampleBody
	}
	if method == http.MethodGet {
		operation.Responses["304"] = &huma.Response{Description: "The answer is still the one that If-None-Match names"}
	}
	return operation
}

func (o Operation) method() string {
	if o.Method == "" {
		return http.MethodGet
	}
	return o.Method
}

func (o Operation) scope() Scope {
	if o.Scope == "" {
		return ScopeRead
	}
	return o.Scope
}

func (o Operation) example() string {
	if o.Example == "" {
		return o.Path
	}
	return o.Example
}

// security is how the documentation says what a scope asks for.
func (s Scope) security() []map[string][]string {
	if s == ScopeNone {
		return []map[string][]string{{}}
	}
	either := []map[string][]string{{"key": {}}, {"bearer": {}}}
	if s == ScopeRead {
		return append([]map[string][]string{{}}, either...)
	}
	return either
}

// operationID makes an id of a path: braces do not matter to it.
func operationID(path string) string {
	return strings.NewReplacer("/", "-", ".", "-", "{", "", "}", "").Replace(strings.TrimPrefix(path, "/api/"))
}

// register notes the operation's scope and gives it to huma.
func register[I, O any](s *service, o Operation, operation huma.Operation, handler func(context.Context, *I) (*O, error)) {
	s.operations[operation.Method+" "+operation.Path] = o
	huma.Register(s.api, operation, func(ctx context.Context, input *I) (*O, error) {
		output, err := handler(ctx, input)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return output, nil
	})
	described := s.described(operation)
	patterns(described)
	s.noteParameters(operation.Method+" "+operation.Path, described)
}

// described is a registered operation as the description has it.
func (s *service) described(operation huma.Operation) *huma.Operation {
	path := s.api.OpenAPI().Paths[operation.Path]
	for _, candidate := range []*huma.Operation{path.Get, path.Post, path.Put, path.Delete} {
		if candidate != nil && candidate.Method == operation.Method {
			return candidate
		}
	}
	return &operation
}

// Conditional is the header that every GET reads; inputs of objects embed it.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" hidden:"true"`
}

func (c *Conditional) ifNoneMatch() string { return c.IfNoneMatch }

// Stamped is embedded in answers that say when they were made. The moment is
// filled in on the way out and is no part of the ETag.
type Stamped struct {
	Timestamp time.Time `json:"timestamp" doc:"when this answer was made"`
}

func (s *Stamped) stamp(at time.Time) { s.Timestamp = at }

type objectOutput[O any] struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         *O
}

// object registers an operation that answers one thing. O is the shape of the
// answer; one that embeds Stamped is stamped.
func object[I, O any](s *service, o Operation, answer func(context.Context, *I) (*O, error)) {
	register(s, o, o.huma(s), func(ctx context.Context, input *I) (*objectOutput[O], error) {
		body, err := answer(ctx, input)
		if err != nil {
			return nil, err
		}
		output := &objectOutput[O]{Status: http.StatusOK, CacheControl: s.keep(o.Keep, false), Body: body}
		asked, conditional := any(input).(interface{ ifNoneMatch() string })
		if conditional {
			raw, err := json.Marshal(body, json.Deterministic(true))
			if err != nil {
				return nil, err
			}
			output.ETag = tagOf(raw)
		}
		if stamped, ok := any(body).(interface{ stamp(time.Time) }); ok {
			stamped.stamp(s.Clock().UTC())
		}
		if conditional && matches(asked.ifNoneMatch(), output.ETag) {
			output.Status, output.Body = http.StatusNotModified, nil
		}
		return output, nil
	})
}

// tagOf is a strong ETag of the bytes.
func tagOf(parts ...[]byte) string {
	digest := xxhash.New()
	for _, part := range parts {
		_, _ = digest.Write(part) // never fails: see xxhash
	}
	return `"` + strconv.FormatUint(digest.Sum64(), 36) + `"`
}

// keep is the Cache-Control of an answer that may be kept for so long.
func (s *service) keep(long time.Duration, stale bool) string {
	switch {
	case long < 0:
		return "no-cache"
	case long == 0 || stale:
		return s.untilNextTick(stale)
	default:
		return "public, max-age=" + strconv.Itoa(int(long/time.Second))
	}
}
