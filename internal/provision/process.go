package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server we started. It ends with us: a watchdog shell holds the
// reading end of a pipe and sends the signal when our end closes, which the
// system does however we die.
type process struct {
	command  *exec.Cmd
	exited   chan struct{} // closed when the server is gone
	watchdog *exec.Cmd
	lifeline io.WriteCloser
}

// start runs the command under the account with its output appended to log.
// orphanSignal ("INT", "TERM") is sent to it if we die first; removeToo, if
// not empty, is a directory the watchdog then removes.
func start(command *exec.Cmd, as account, log *os.File, orphanSignal, removeToo string) (*process, error) {
	command.SysProcAttr = as.attributes()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = command.Wait() // how it ended is in its log
	}()
	if err := p.watch(orphanSignal, removeToo); err != nil {
		p.signal(syscall.SIGKILL)
		<-p.exited
		return nil, fmt.Errorf("the watchdog did not start: %w", err)
	}
	return p, nil
}

func (p *process) watch(orphanSignal, removeToo string) error {
	const script = `read -r word && exit 0
kill -s "$2" "$1"
i=0
while kill -0 "$1" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
[ -z "$3" ] || rm -rf "$3"`
	p.watchdog = exec.Command("/bin/sh", "-c", script, "skyledger-watchdog",
		strconv.Itoa(p.pid()), orphanSignal, removeToo)
	p.watchdog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.watchdog.Dir = "/"
	lifeline, err := p.watchdog.StdinPipe()
	if err != nil {
		return err
	}
	p.lifeline = lifeline
	return p.watchdog.Start()
}

func (p *process) pid() int { return p.command.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) signal(s os.Signal) {
	_ = p.command.Process.Signal(s) // it may have ended by itself
}

// release lets the watchdog go; called once the server is gone.
func (p *process) release() {
	_, _ = io.WriteString(p.lifeline, "done\n")
	_ = p.lifeline.Close()
	_ = p.watchdog.Wait()
}

// stop sends the signals in turn, each with its share of patience, until the
// server is gone.
func (p *process) stop(ctx context.Context, steps ...stopStep) error {
	defer p.release()
	for _, step := range steps {
		if !p.running() {
			return nil
		}
		p.signal(step.signal)
		timer := time.NewTimer(step.patience)
		select {
		case <-p.exited:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	if p.running() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		return errors.New("it did not stop when asked and was killed")
	}
	return nil
}

type stopStep struct {
	signal   os.Signal
	patience time.Duration
}

// familyOf returns the pid and its children.
func familyOf(pid int) []int {
	if hasProc() {
		return append(childrenByProc(pid), pid)
	}
	family := []int{pid}
	output, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(fields[0]); err == nil {
				family = append(family, child)
			}
		}
	}
	return family
}

// childrenByProc reads the children of pid from /proc, which takes no program.
func childrenByProc(pid int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// "pid (name) state ppid …": the name may hold spaces and brackets.
		fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			children = append(children, child)
		}
	}
	return children
}

// alive reports whether a process exists and is not a zombie.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !hasProc()
	}
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	return len(fields) > 0 && string(fields[0]) != "Z"
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// gone waits until none of the processes is alive.
func gone(ctx context.Context, pids []int) error {
	for _, pid := range pids {
		for alive(pid) {
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return fmt.Errorf("process %d is still there: %w", pid, err)
			}
		}
	}
	return nil
}
