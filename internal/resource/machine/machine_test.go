package machine_test

import (
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/skyledger/skyledger/internal/resource/machine"
)

// TestTheMachineIsMeasured holds what gopsutil says against the system itself.
func TestTheMachineIsMeasured(t *testing.T) {
	dir := t.TempDir()
	meter := machine.NewMeter(t.Context(), dir, "/no/such/path")
	m := meter.Machine(t.Context())
	if m.CPUCount != runtime.NumCPU() || len(m.Disks) != 1 || m.Disks[0].Path != dir {
		t.Fatalf("got %+v", m)
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	if disk := m.Disks[0]; disk.Total != int64(stat.Blocks)*int64(stat.Bsize) || disk.Free <= 0 || disk.Free > disk.Total { //nolint:unconvert // it is a uint32 on macOS
		t.Errorf("the disk has %d blocks of %d: %+v", stat.Blocks, stat.Bsize, disk)
	}
	if m.MemoryTotal == nil || *m.MemoryAvailable > *m.MemoryTotal || *m.MemoryPercent < 0 || *m.MemoryPercent > 100 {
		t.Errorf("memory %+v", m)
	}
	if runtime.GOOS == "linux" {
		if total := memTotal(t); *m.MemoryTotal != total {
			t.Errorf("%d bytes of memory, the kernel says %d", *m.MemoryTotal, total)
		}
		if m.Load1 == nil || m.BootTime == nil {
			t.Errorf("load %v, boot %v", m.Load1, m.BootTime)
		}
	}
	if m.CPUPercent != nil && (*m.CPUPercent < 0 || *m.CPUPercent > 100) {
		t.Errorf("the processors are busy %v %%", *m.CPUPercent)
	}
}

func memTotal(t *testing.T) int64 {
	t.Helper()
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemTotal:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes * 1024
		}
	}
	t.Fatal("no MemTotal")
	return 0
}

func TestConnectionsOfTheProcessAreCounted(t *testing.T) {
	meter := machine.NewMeter(t.Context())
	before := meter.Network(t.Context())
	if before == nil || before.Connections == nil {
		t.Skip("this system does not tell the connections of a process")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if after := meter.Network(t.Context()); *after.Connections != *before.Connections+1 {
		t.Errorf("one socket more: from %d to %d", *before.Connections, *after.Connections)
	}
}
