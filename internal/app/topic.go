package app

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
)

// topics tells SNS topics of alerts, each in its own region. Safe for concurrent
// use.
type topics struct {
	mu      sync.Mutex
	clients map[string]*sns.Client // by region
}

// Topics returns what publishes alerts to SNS, with the process's credentials.
func Topics() alert.Sender { return &topics{clients: map[string]*sns.Client{}} }

// client returns the region's, one for all its messages. Later runs try again,
// so it does not.
func (t *topics) client(ctx context.Context, region string) (*sns.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if client := t.clients[region]; client != nil {
		return client, nil
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return nil, fault.E("app.topics.client", fault.Unavailable, "aws_config", err)
	}
	t.clients[region] = sns.NewFromConfig(settings)
	return t.clients[region], nil
}

// Send publishes the message as JSON, with its text's beginning as subject and
// severity, event and rule as attributes to filter by.
func (t *topics) Send(ctx context.Context, target alert.Target, message alert.Message) (*int, error) {
	const op = "app.topics.Send"
	body, err := json.Marshal(message)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "message", err)
	}
	region := ""
	if parts := strings.Split(target.Topic, ":"); len(parts) > 3 {
		region = parts[3]
	}
	client, err := t.client(ctx, region)
	if err != nil {
		return nil, err
	}
	attribute := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	_, err = client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(target.Topic), Subject: aws.String(subjectLine(message)), Message: aws.String(string(body)),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"severity": attribute(message.Severity), "event": attribute(message.Event), "rule": attribute(message.Alert.Rule),
			"delivery": attribute(message.ID),
		},
	})
	return published(op, err)
}

// published classifies what SNS said: what it refuses for good is not tried again.
func published(op string, err error) (*int, error) {
	if err == nil {
		ok := 200
		return &ok, nil
	}
	var status *int
	var answered *smithyhttp.ResponseError
	if errors.As(err, &answered) {
		code := answered.HTTPStatusCode()
		status = &code
	}
	var said smithy.APIError
	switch {
	case !errors.As(err, &said):
		return status, fault.E(op, fault.Unavailable, "connection", err)
	case strings.Contains(said.ErrorCode(), "Thrott"):
		return status, fault.E(op, fault.Throttled, "throttled", err)
	case said.ErrorFault() == smithy.FaultClient || status != nil && *status < 500:
		return status, fault.E(op, fault.Invalid, "sns_"+strings.ToLower(said.ErrorCode()), err)
	default:
		return status, fault.E(op, fault.Upstream, "sns_"+strings.ToLower(said.ErrorCode()), err)
	}
}

// subjectLine is what SNS takes for one: up to 100 printable ASCII characters.
func subjectLine(message alert.Message) string {
	const longest = 100
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, message.Severity+": "+message.Text)
	return text[:min(len(text), longest)]
}
