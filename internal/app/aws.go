package app

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/skyledger/skyledger/internal/fault"
)

// tickMessage is the body of a queued tick.
type tickMessage struct {
	Tick time.Time `json:"tick"`
}

// sqsQueue is ingest's queue on SQS.
type sqsQueue struct {
	client *sqs.Client
	url    string
}

// Later sends the tick with a delay of whole seconds.
func (q sqsQueue) Later(ctx context.Context, tick time.Time, delay time.Duration) error {
	body, err := json.Marshal(tickMessage{Tick: tick})
	if err != nil {
		return fault.E("app.Later", fault.Internal, "", err)
	}
	_, err = q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: aws.String(q.url), MessageBody: aws.String(string(body)),
		DelaySeconds: int32(delay / time.Second),
	})
	if err != nil {
		return fault.E("app.Later", fault.Unavailable, "queue", err)
	}
	return nil
}

func newSQSQueue(ctx context.Context, url string) (sqsQueue, error) {
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return sqsQueue{}, fault.E("app.newSQSQueue", fault.Internal, "aws_config", err)
	}
	return sqsQueue{client: sqs.NewFromConfig(settings), url: url}, nil
}

// databasePassword returns how the database's password is read, nil when it is
// part of DATABASE_URL. It is called for each connection after a refused login,
// so a rotated secret is picked up without a restart.
func (r *Runtime) databasePassword(ctx context.Context) (func(context.Context) (string, error), error) {
	return passwordOf(ctx, r.Config.DatabaseSecret)
}

// passwordOf returns how the password in a secret is read, nil for no secret.
func passwordOf(ctx context.Context, id string) (func(context.Context) (string, error), error) {
	if id == "" {
		return nil, nil
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fault.E("app.databasePassword", fault.Internal, "aws_config", err)
	}
	client := secretsmanager.NewFromConfig(settings)
	return func(ctx context.Context) (string, error) {
		value, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
		if err != nil {
			return "", fault.E("app.databasePassword", fault.Unavailable, "secret", err)
		}
		var secret struct {
			Password string `json:"password"`
		}
		if err := json.Unmarshal([]byte(aws.ToString(value.SecretString)), &secret); err != nil {
			return "", fault.E("app.databasePassword", fault.Internal, "secret_shape", err)
		}
		return secret.Password, nil
	}, nil
}

// databaseAddress returns DATABASE_URL with the password of the secret in it,
// for what connects once.
func (r *Runtime) databaseAddress(ctx context.Context) (string, error) {
	return withPassword(ctx, r.Config.DatabaseURL, r.Config.DatabaseSecret)
}

// withPassword returns the URL with the secret's password in it.
func withPassword(ctx context.Context, address, secret string) (string, error) {
	read, err := passwordOf(ctx, secret)
	if err != nil || read == nil {
		return address, err
	}
	password, err := read(ctx)
	if err != nil {
		return "", err
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fault.E("app.withPassword", fault.Invalid, "database_url", nil).WithMessage("The database's URL is not a URL.")
	}
	parsed.User = url.UserPassword(parsed.User.Username(), password)
	return parsed.String(), nil
}
