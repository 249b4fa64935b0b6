// Command odd is a function that does what its event says, for the tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	switch os.Getenv("ODD_START") {
	case "ends":
		fmt.Println("no setting")
		os.Exit(3)
	case "hangs":
		time.Sleep(time.Hour)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	lambda.Start(do)
}

func do(ctx context.Context, event string) (any, error) {
	invocation, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	switch event {
	case "fail":
		return nil, errors.New("as asked")
	case "panic":
		panic("as asked")
	case "end":
		os.Exit(4)
	case "hang":
		time.Sleep(time.Hour)
	case "large":
		return strings.Repeat("x", 7<<20), nil
	case "fill":
		block := make([]byte, 64<<20)
		for i := range block {
			block[i] = 1
		}
		return len(block), nil
	case "environ":
		return os.Environ(), nil
	}
	return map[string]any{
		"id": invocation.AwsRequestID, "arn": invocation.InvokedFunctionArn, "pid": os.Getpid(),
		"left": time.Until(deadline).Seconds(), "trace": os.Getenv("_X_AMZN_TRACE_ID"),
	}, nil
}
