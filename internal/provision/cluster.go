package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// superuser is the role clusters are made with.
const superuser = "skyledger"

// cluster is a PostgreSQL data directory and what lies beside it:
//
//	dir/cluster     PGDATA, owned by the account
//	dir/password    the superuser's, mode 0600
//	dir/server.log  what the server says
//	dir/lock        held by the process that runs it
type cluster struct {
	dir string
	as  account
}

func (c cluster) data() string         { return filepath.Join(c.dir, "cluster") }
func (c cluster) passwordFile() string { return filepath.Join(c.dir, "password") }
func (c cluster) logFile() string      { return filepath.Join(c.dir, "server.log") }
func (c cluster) lockFile() string     { return filepath.Join(c.dir, "lock") }

// major returns the version that made the cluster, 0 if there is none yet.
func (c cluster) major() int {
	content, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	return majorOf(string(content))
}

// adopt makes the account that of an existing cluster's owner: root may have
// made it when another account was the best to be had.
func (c *cluster) adopt() error {
	info, err := os.Stat(c.data())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == c.as.uid {
		return nil
	}
	if !c.as.switched {
		return fmt.Errorf("%s belongs to uid %d and we are uid %d", c.data(), stat.Uid, c.as.uid)
	}
	c.as.uid, c.as.gid = int(stat.Uid), int(stat.Gid)
	return nil
}

// create runs initdb into a temporary name, so that a cluster is there whole
// or not at all.
func (c cluster) create(ctx context.Context, with binaries) error {
	half := c.data() + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	secret := rand.Text()
	if err := os.WriteFile(c.passwordFile(), []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	if err := c.as.own(c.passwordFile()); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, with.program("initdb"),
		"--pgdata", half, "--username", superuser, "--pwfile", c.passwordFile(),
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C")
	command.Dir = c.dir
	command.SysProcAttr = c.as.attributes()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(string(output), 5))
	}
	return os.Rename(half, c.data())
}

// copyFrom makes the cluster by copying another one that is not running.
func (c cluster) copyFrom(template cluster) error {
	half := c.data() + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := copyTree(template.data(), half, c.as); err != nil {
		return err
	}
	secret, err := os.ReadFile(template.passwordFile())
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.passwordFile(), secret, 0o600); err != nil {
		return err
	}
	return os.Rename(half, c.data())
}

func (c cluster) password() (string, error) {
	content, err := os.ReadFile(c.passwordFile())
	return strings.TrimSpace(string(content)), err
}

// endOrphan stops a server that still runs on the cluster: left by a process
// that was killed together with its watchdog. We hold the cluster's lock, so
// it is nobody's. A pid file of a server that is not there is removed, lest
// its number, meanwhile another process's, keeps PostgreSQL from starting.
func (c cluster) endOrphan(ctx context.Context, logger *zap.Logger) error {
	pidFile := filepath.Join(c.data(), "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 || !alive(pid) || !isPostgres(pid) {
		logger.Info("removing the pid file of a server that is gone", zap.Int("pid", pid))
		return os.Remove(pidFile)
	}
	logger.Info("stopping a server left by an earlier run", zap.Int("pid", pid))
	family := familyOf(pid)
	for _, step := range []stopStep{{syscall.SIGINT, 8 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}} {
		_ = syscall.Kill(pid, step.signal.(syscall.Signal))
		waiting, cancel := context.WithTimeout(ctx, step.patience)
		err = gone(waiting, family)
		cancel()
		if err == nil {
			return nil
		}
	}
	for _, member := range family {
		_ = syscall.Kill(member, syscall.SIGKILL)
	}
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return gone(waiting, family)
}

// isPostgres reports whether the process is a PostgreSQL server.
func isPostgres(pid int) bool {
	output, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		output, err = exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	}
	return err == nil && strings.Contains(string(output), "postgres")
}

// copyTree copies a directory of plain files and directories, keeping modes
// and handing the copy to the account.
func copyTree(from, to string, as account) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			if err := os.Mkdir(target, 0o700); err != nil {
				return err
			}
			return as.own(target)
		}
		content, err := os.Open(path)
		if err != nil {
			return err
		}
		defer content.Close()
		if err := writeFile(target, content, 0o600); err != nil {
			return err
		}
		return as.own(target)
	})
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
