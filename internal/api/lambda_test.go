package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/skyledger/skyledger/internal/api"
)

func TestEventsAtOnceGetTheirOwnAnswers(t *testing.T) {
	function := api.Lambda(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Path, 500))
	}))
	var group sync.WaitGroup
	for client := range 8 {
		group.Go(func() {
			path := fmt.Sprintf("/%d", client)
			event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path}
			event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = http.MethodGet, path
			payload, err := json.Marshal(event)
			if err != nil {
				t.Error(err)
				return
			}
			for range 200 {
				raw, err := function.Invoke(t.Context(), payload)
				var response events.APIGatewayV2HTTPResponse
				if err != nil || json.Unmarshal(raw, &response) != nil || response.Body != strings.Repeat(path, 500) {
					t.Errorf("client %d: %v %.80s", client, err, response.Body)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestAnEventThatIsNoneIsAnError(t *testing.T) {
	if raw, err := api.Lambda(http.NotFoundHandler()).Invoke(t.Context(), []byte(`[7]`)); err == nil {
		t.Errorf("%s", raw)
	}
}
