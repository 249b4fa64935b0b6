package app

import (
	"context"
	"net/url"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/rawlog"
)

// openLog opens the log that LOG_URL names: a directory or a bucket.
func openLog(ctx context.Context, runtime *Runtime) (*rawlog.Log, error) {
	const op = "app.openLog"
	where, err := url.Parse(runtime.Config.LogURL)
	if err != nil || runtime.Config.LogURL == "" {
		return nil, fault.E(op, fault.Invalid, "log_url", err).WithMessage("LOG_URL is neither file:///directory nor s3://bucket/prefix")
	}
	options := rawlog.Options{Clock: runtime.Clock, Logger: runtime.Logger}
	if where.Scheme == "file" {
		return rawlog.Open(ctx, rawlog.OpenDir(where.Path), options)
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "aws_config", err)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		// Stand-ins for S3 on one address know no bucket names in front of it.
		o.UsePathStyle = settings.BaseEndpoint != nil
	})
	return rawlog.Open(ctx, rawlog.NewS3(client, where.Host, strings.Trim(where.Path, "/")), options)
}
