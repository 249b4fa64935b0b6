package runtimeapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Build builds functions for this machine as `make build` does for Lambda, into
// INTO/NAME/bootstrap, and tells progress before each. root is the module's
// directory.
func Build(ctx context.Context, root, into string, names []string, progress func(name string)) error {
	into, err := filepath.Abs(into)
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		progress(name)
		failures = append(failures, buildOne(ctx, root, Binary(into, name), "./functions/"+name))
	}
	return errors.Join(failures...)
}

// Binary is where Build puts a function.
func Binary(into, name string) string { return filepath.Join(into, name, "bootstrap") }

func buildOne(ctx context.Context, root, output, source string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", output, source)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", source, err, &said)
	}
	return nil
}
