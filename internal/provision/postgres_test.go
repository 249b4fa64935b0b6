package provision

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestPostgresKeepsWhatItHas(t *testing.T) {
	dir := clusterDir(t)
	ctx := t.Context()
	first := startPostgres(t, PostgresOptions{DataDir: dir})
	for range 2 { // the second time it is there already
		if err := first.EnsureDatabase(ctx, "skyledger_live"); err != nil {
			t.Fatal(err)
		}
	}
	run(t, first.URL("skyledger_live"), "create table kept as select 1 as n")
	if err := first.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	second := startPostgres(t, PostgresOptions{DataDir: dir, Settings: map[string]string{"work_mem": "7MB"}})
	run(t, second.URL("skyledger_live"), "select n from kept")
	if second.Version == "" || second.Kind == "" {
		t.Errorf("version %q, kind %q", second.Version, second.Kind)
	}
}

func TestPostgresListensToThisMachineOnly(t *testing.T) {
	server := startPostgres(t, PostgresOptions{DataDir: clusterDir(t)})
	t.Run("a wrong password is refused", func(t *testing.T) {
		wrong := strings.Replace(server.URL("postgres"), server.secret, "guess", 1)
		if connection, err := pgx.Connect(t.Context(), wrong); err == nil {
			connection.Close(t.Context())
			t.Error("it was let in")
		}
	})
	t.Run("the password is for the owner's eyes", func(t *testing.T) {
		info, err := os.Stat(server.cluster.passwordFile())
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
	t.Run("it listens on 127.0.0.1 and on nothing else", func(t *testing.T) {
		var addresses, sockets string
		connection, err := pgx.Connect(t.Context(), server.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close(context.Background())
		row := connection.QueryRow(t.Context(), "select current_setting('listen_addresses'), current_setting('unix_socket_directories')")
		if err := row.Scan(&addresses, &sockets); err != nil {
			t.Fatal(err)
		}
		if addresses != "127.0.0.1" || sockets != "" {
			t.Errorf("addresses %q, sockets %q", addresses, sockets)
		}
	})
}

func TestASecondRunOnTheSameDirectoryIsRefused(t *testing.T) {
	dir := clusterDir(t)
	first := startPostgres(t, PostgresOptions{DataDir: dir})
	_, err := Postgres(t.Context(), PostgresOptions{DataDir: dir})
	if fault.ReasonOf(err) != "locked" {
		t.Errorf("err = %v", err)
	}
	run(t, first.URL("postgres"), "select 1")
}

func TestServersEndWithTheProcessThatStartedThem(t *testing.T) {
	server := killedParent(t, clusterDir(t), false)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := gone(ctx, []int{server}); err != nil {
		t.Error(err)
	}
}

func TestAnOrphanedServerIsStoppedOnTheNextStart(t *testing.T) {
	dir := clusterDir(t)
	orphan := killedParent(t, dir, true)
	if !alive(orphan) {
		t.Fatal("the server ended with its parent though nobody told it to")
	}
	server := startPostgres(t, PostgresOptions{DataDir: dir})
	if alive(orphan) {
		t.Error("the orphan still runs")
	}
	run(t, server.URL("postgres"), "select 1")
}

func TestAPidFileOfAnotherProcessDoesNotKeepTheServerFromStarting(t *testing.T) {
	dir := clusterDir(t)
	server := startPostgres(t, PostgresOptions{DataDir: dir})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "60")
	other.SysProcAttr = server.cluster.as.attributes()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	pidFile := filepath.Join(server.cluster.data(), "postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n0\n0\n", other.Process.Pid, server.cluster.data())
	if err := os.WriteFile(pidFile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, PostgresOptions{DataDir: dir})
	run(t, again.URL("postgres"), "select 1")
}

func TestAPortInUseIsNamed(t *testing.T) {
	first := startPostgres(t, PostgresOptions{DataDir: clusterDir(t)})
	_, err := Postgres(t.Context(), PostgresOptions{DataDir: clusterDir(t), Port: first.port, Template: templatePrefix()})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(first.port)) {
		t.Errorf("err = %v", err)
	}
}

func TestRootPutsTheClusterWhereItsAccountCanReach(t *testing.T) {
	as := account{uid: 4321, gid: 4321, switched: true}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	moved, err := as.reachable(filepath.Join(private, "postgres"), rootStateDir)
	if err != nil || !strings.HasPrefix(moved, rootStateDir+"/postgres-") {
		t.Errorf("%q, %v", moved, err)
	}
	if dir, err := as.reachable("/usr/postgres", rootStateDir); err != nil || dir != "/usr/postgres" {
		t.Errorf("%q, %v", dir, err)
	}
}

func run(t *testing.T, url, sql string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	if _, err := connection.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
