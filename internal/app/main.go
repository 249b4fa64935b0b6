package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/skyledger/skyledger/internal/config"
	"github.com/skyledger/skyledger/internal/live"
	"github.com/skyledger/skyledger/internal/manifest"
	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/telemetry"
)

// Build makes a function's handler from the process's runtime.
type Build func(ctx context.Context, runtime *Runtime) (lambda.Handler, error)

// Main is the whole of a function's main: it reads the settings, builds the
// handler and serves Lambda's runtime. It does not return. With --help it
// prints what the function is for and its settings.
func Main(name string, build Build) {
	function, found := manifest.Find(name)
	if !found {
		fail(fmt.Errorf("%s is not in the manifest", name))
	}
	if len(os.Args) > 1 {
		fmt.Printf("%s %s.\n\nSettings, from the environment:\n", function.Name, function.Purpose)
		PrintSettings(os.Stdout)
		return
	}
	settings, err := config.Load(os.Environ())
	if err != nil {
		fail(err)
	}
	logger, err := telemetry.NewLogger(os.Stdout, settings.LogLevel)
	if err != nil {
		fail(err)
	}
	QuietRedis(logger)
	handler, err := start(context.Background(), function, build, settings, logger)
	if err != nil {
		fail(err)
	}
	lambda.Start(handler)
}

// start builds the only function of the process within its memory, counted.
func start(ctx context.Context, function manifest.Function, build Build, settings config.Config, logger *zap.Logger) (lambda.Handler, error) {
	says := resource.LambdaFrom(os.Environ())
	limit := limitMemory(says)
	runtime := &Runtime{
		Config: settings, Logger: logger, Clock: time.Now, Function: function.Name, Memory: live.NewMemory(),
		Lambda: says, MemoryMB: cmp.Or(says.MemoryMB, function.Memory),
	}
	handler, err := observed(function, build)(ctx, runtime)
	if err != nil {
		return nil, err
	}
	return handler, runtime.started(ctx, function.Name, limit)
}

// QuietRedis sends what the Redis client says of itself, which it can only say
// through one logger for the whole process, to ours. Call it once, at the start.
func QuietRedis(logger *zap.Logger) { redis.SetLogger(redisLog{logger}) }

type redisLog struct{ logger *zap.Logger }

// Printf is what the client calls.
func (l redisLog) Printf(_ context.Context, format string, values ...any) {
	l.logger.Debug("redis client", zap.String("said", fmt.Sprintf(format, values...)))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

// PrintSettings writes every setting with its default, unit and meaning.
func PrintSettings(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, setting := range config.Describe() {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", setting.Name, setting.Default, setting.Unit, setting.Help)
	}
	table.Flush()
}
