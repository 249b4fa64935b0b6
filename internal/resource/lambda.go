package resource

import (
	"strconv"
	"strings"
)

// Lambda is what Lambda's environment says of the process. The zero value is a
// process outside Lambda.
type Lambda struct {
	Function       string // "" outside Lambda
	Version        string
	MemoryMB       int
	Initialization string // on-demand, provisioned-concurrency, …
	Stream         string // the log stream, one per process
	Region         string
}

// LambdaFrom reads the variables that Lambda sets from environ ("NAME=value").
func LambdaFrom(environ []string) Lambda {
	var l Lambda
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "AWS_LAMBDA_FUNCTION_NAME":
			l.Function = value
		case "AWS_LAMBDA_FUNCTION_VERSION":
			l.Version = value
		case "AWS_LAMBDA_FUNCTION_MEMORY_SIZE":
			l.MemoryMB, _ = strconv.Atoi(value) // not a number: not known
		case "AWS_LAMBDA_INITIALIZATION_TYPE":
			l.Initialization = value
		case "AWS_LAMBDA_LOG_STREAM_NAME":
			l.Stream = value
		case "AWS_REGION":
			l.Region = value
		}
	}
	return l
}

// Cold reports whether the first invocation of the process waited for its start.
func (l Lambda) Cold() bool {
	return l.Function != "" && (l.Initialization == "" || l.Initialization == "on-demand")
}
