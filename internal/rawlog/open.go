package rawlog

import (
	"context"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyledger/skyledger/internal/fault"
)

// OpenURL opens the log at file:///directory or s3://bucket/prefix. For S3 it
// takes region, credentials and endpoint (AWS_ENDPOINT_URL) from the environment
// as the AWS SDK does.
func OpenURL(ctx context.Context, address string, options Options) (*Log, error) {
	const op = "rawlog.OpenURL"
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "log_url", err)
	}
	switch {
	case parsed.Scheme == "file" && parsed.Host == "" && parsed.Path != "":
		return Open(ctx, OpenDir(parsed.Path), options)
	case parsed.Scheme == "s3" && parsed.Host != "":
		settings, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fault.E(op, fault.Invalid, "aws_config", err)
		}
		client := s3.NewFromConfig(settings, func(o *s3.Options) {
			o.RetryMaxAttempts = 1 // the storage's own policy retries
			// An endpoint of one's own rarely has a name per bucket.
			o.UsePathStyle = settings.BaseEndpoint != nil || os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
		})
		storage := NewS3(client, parsed.Host, parsed.Path)
		storage.policy = options.Faults.Policy(fault.S3Policy())
		return Open(ctx, storage, options)
	default:
		return nil, fault.E(op, fault.Invalid, "log_url", nil).
			WithMessage("The log's address must be file:///directory or s3://bucket/prefix.")
	}
}
