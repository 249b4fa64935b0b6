package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// Lambda makes the handler one of API Gateway's HTTP API events (payload 2.0).
// Bodies that are not text, such as gzip, travel in base64, as the event's
// format asks. A response may take 6 MB on that way.
//
// The adapter is archived; it is used in this file alone.
func Lambda(handler http.Handler) lambda.Handler {
	adapter := httpadapter.NewV2(whole(handler))
	return lambda.NewHandler(func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		return adapter.ProxyWithContext(ctx, event)
	})
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
