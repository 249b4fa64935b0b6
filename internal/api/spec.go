package api

import (
	"bytes"
	"context"
	_ "embed"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skyledger/skyledger/internal/fault"
)

// docsPage shows what openapi.json says, with answers of the running API. It
// loads nothing but these two.
//
//go:embed docs.html
var docsPage []byte

// Spec returns the OpenAPI 3.1 description of every function's operations, made
// from the types that validate requests and shape answers.
func Spec() ([]byte, error) {
	const op = "api.Spec"
	service, err := everything()
	if err != nil {
		return nil, err
	}
	description := service.api.OpenAPI()
	noNulls(description.Components.Schemas.Map())
	nullableObjects(description.Components.Schemas)
	raw, err := description.MarshalJSON()
	if err != nil {
		return nil, fault.E(op, fault.Internal, "marshal", err)
	}
	return raw, nil
}

// everything is the API of all functions with nothing to answer from.
func everything() (*service, error) {
	service := newService(Deps{Clock: time.Now})
	for _, function := range slices.Sorted(maps.Keys(Groups())) {
		if err := service.register(function); err != nil {
			return nil, err
		}
	}
	return service, nil
}

// Routes are the methods and paths of a function's operations, such as
// "GET /api/flights", in order.
func Routes(function string) ([]string, error) {
	service := newService(Deps{Clock: time.Now})
	err := service.register(function)
	return slices.Sorted(maps.Keys(service.operations)), err
}

type documentOutput struct {
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Policy       string `header:"Content-Security-Policy"`
	Status       int
	Body         []byte
}

// docsPolicy keeps the page from loading anything from elsewhere.
const docsPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// documentation registers the description and the page made from it.
func (s *service) documentation() {
	spec := sync.OnceValues(Spec)
	s.document(Operation{
		Path: "/api/openapi.json", Summary: "This API's description, OpenAPI 3.1", Scope: ScopeNone, Keep: time.Hour,
	}, jsonType, &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}, spec)
	s.document(Operation{
		Path: "/api/docs", Summary: "The documentation as a page", Scope: ScopeNone, Keep: time.Hour,
	}, "text/html; charset=utf-8", &huma.Schema{Type: huma.TypeString}, func() ([]byte, error) { return bytes.Clone(docsPage), nil })
}

func (s *service) document(o Operation, contentType string, shape *huma.Schema, content func() ([]byte, error)) {
	operation := o.huma(s)
	operation.Responses["200"] = &huma.Response{Description: o.Summary, Content: map[string]*huma.MediaType{contentType: {Schema: shape}}}
	register(s, o, operation, func(_ context.Context, input *Conditional) (*documentOutput, error) {
		body, err := content()
		if err != nil {
			return nil, err
		}
		output := &documentOutput{
			Status: http.StatusOK, ContentType: contentType, ETag: tagOf(body), CacheControl: s.keep(o.Keep, false), Policy: docsPolicy, Body: body,
		}
		if matches(input.IfNoneMatch, output.ETag) {
			output.Status, output.Body, output.ContentType = http.StatusNotModified, nil, ""
		}
		return output, nil
	})
}
