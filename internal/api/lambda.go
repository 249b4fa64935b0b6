package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/skyledger/skyledger/internal/fault"
)

// Lambda makes the handler one of API Gateway's HTTP API events (payload 2.0).
// Bodies that are not text, such as gzip, travel in base64, as the event's
// format asks. A response may take 6 MB on that way.
//
// The adapter is archived; it is used in this file alone.
func Lambda(handler http.Handler) lambda.Handler {
	return &gatewayHandler{httpadapter.NewV2(whole(handler))}
}

// gatewayHandler stands in place of lambda.NewHandler, whose Invoke returns bytes
// of a buffer that it has given back to its pool: of two requests at once, as
// outside AWS, one would get the other's answer.
type gatewayHandler struct {
	adapter *httpadapter.HandlerAdapterV2
}

// Invoke answers an event. The bytes are the caller's.
func (g *gatewayHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	const op = "api.Lambda"
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fault.E(op, fault.Invalid, "event", err)
	}
	response, err := g.adapter.ProxyWithContext(ctx, event)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(response.Body) + 1024)
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(response); err != nil {
		return nil, fault.E(op, fault.Internal, "response", err)
	}
	return out.Bytes(), nil
}

// whole puts together the headers that the adapter cut at their commas: of
// "Accept-Encoding: br, gzip" the first value alone would be read.
func whole(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if len(values) > 1 {
				r.Header[name] = []string{strings.Join(values, ", ")}
			}
		}
		handler.ServeHTTP(w, r)
	})
}
