package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/app"
	"github.com/skyledger/skyledger/internal/fault"
)

// TestTopics publishes to a server that answers as SNS does.
func TestTopics(t *testing.T) {
	const topic = "arn:aws:sns:eu-central-1:123456789012:alerts"
	published := `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`
	refusal := func(kind, code string) string {
		return `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>` + kind + `</Type><Code>` + code + `</Code><Message>no</Message></Error></ErrorResponse>`
	}
	message := alert.Message{ID: "42", Event: "opened", Severity: "warning", Text: "Zürich is busy " + strings.Repeat("x", 200), Alert: alert.Subject{Rule: "r"}}
	for _, test := range []struct {
		name, answer string
		status       int
		class        fault.Class
		reason       string
	}{
		{"what is published is delivered", published, 200, "", ""},
		{"a topic that is gone is not tried again", refusal("Sender", "NotFound"), 404, fault.Invalid, "sns_notfound"},
		{"a topic that refuses us is not tried again", refusal("Sender", "AuthorizationError"), 403, fault.Invalid, "sns_authorizationerror"},
		{"too much at once is tried again", refusal("Sender", "Throttled"), 429, fault.Throttled, "throttled"},
		{"an error of SNS's is tried again", refusal("Receiver", "InternalError"), 500, fault.Upstream, "sns_internalerror"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked url.Values
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				asked = r.PostForm
				w.Header().Set("Content-Type", "text/xml")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.answer))
			}))
			t.Cleanup(func() {
				http.DefaultClient.CloseIdleConnections()
				server.CloseClientConnections()
				server.Close()
			})
			for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"} {
				t.Setenv(name, value)
			}
			status, err := app.Topics().Send(t.Context(), alert.Target{Kind: "sns", Topic: topic}, message)
			reason := ""
			if err != nil {
				reason = fault.ReasonOf(err)
			}
			if fault.ClassOf(err) != test.class || reason != test.reason || status == nil || *status != test.status || requests != 1 {
				t.Fatalf("%v, status %v, %d requests", err, status, requests)
			}
			var said alert.Message
			if err := json.Unmarshal([]byte(asked.Get("Message")), &said); err != nil || said.ID != "42" {
				t.Errorf("%v: %s", err, asked.Get("Message"))
			}
			subject := asked.Get("Subject")
			if asked.Get("TopicArn") != topic || len(subject) != 100 || !strings.HasPrefix(subject, "warning: Z?rich is busy") {
				t.Errorf("%v", asked)
			}
		})
	}
}
