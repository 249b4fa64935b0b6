package provision

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a process that starts a server in the named
// directory, says so, and waits to be killed.
const childEnv = "SKYLEDGER_PROVISION_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

func child(dir string) int {
	server, err := Postgres(context.Background(), PostgresOptions{DataDir: dir, Template: templatePrefix()})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println(server.process.watchdog.Process.Pid, server.PID())
	select {}
}

// clusterDir is a directory that the server's account can reach, unlike
// t.TempDir when we are root.
func clusterDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "skyledger-provision-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "postgres")
}

func templatePrefix() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("skyledger-test-%d", os.Getuid()), "template")
}

func startPostgres(t *testing.T, options PostgresOptions) *PostgresServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	options.Template = templatePrefix()
	server, err := Postgres(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// killedParent starts a process that starts a server in dir, kills it with
// SIGKILL and returns the pids of its watchdog and its server. With the
// watchdog killed first nobody is left to stop the server.
func killedParent(t *testing.T, dir string, watchdogToo bool) (server int) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childEnv+"="+dir)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 2 {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	watchdog, _ := strconv.Atoi(fields[0])
	server, _ = strconv.Atoi(fields[1])
	if watchdogToo {
		process, _ := os.FindProcess(watchdog)
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	return server
}
