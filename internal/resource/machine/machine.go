package machine

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"

	"github.com/skyledger/skyledger/internal/resource"
)

// leastInterval is the shortest time over which a percentage says anything.
const leastInterval = 100 * time.Millisecond

// Meter reads the machine. Percentages are over the time since its last reading.
type Meter struct {
	paths []string

	mu   sync.Mutex
	last cpuReading
}

type cpuReading struct {
	at         time.Time
	busy, idle float64 // seconds
}

// NewMeter returns a meter that looks at the file systems of the paths.
func NewMeter(ctx context.Context, paths ...string) *Meter {
	m := &Meter{paths: paths}
	m.last, _ = readCPU(ctx)
	return m
}

// Machine returns the figures as they are now. What cannot be read is nil: a
// figure that the system withholds is no reason to withhold the others.
func (m *Meter) Machine(ctx context.Context) resource.Machine {
	now := resource.Machine{
		CPUCount: runtime.NumCPU(), CPUPercent: m.percent(ctx),
		Platform: runtime.GOOS + " " + runtime.GOARCH, Disks: m.disks(ctx),
	}
	if average, err := load.AvgWithContext(ctx); err == nil {
		now.Load1, now.Load5, now.Load15 = &average.Load1, &average.Load5, &average.Load15
	}
	if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil && memory.Total > 0 {
		now.MemoryTotal, now.MemoryAvailable = whole(memory.Total), whole(memory.Available)
		percent := 100 * (1 - float64(memory.Available)/float64(memory.Total))
		now.MemoryPercent = &percent
	}
	if swap, err := mem.SwapMemoryWithContext(ctx); err == nil {
		now.SwapUsed = whole(swap.Used)
	}
	if boot, err := host.BootTimeWithContext(ctx); err == nil {
		now.BootTime = whole(boot)
	}
	return now
}

func (m *Meter) percent(ctx context.Context) *float64 {
	current, err := readCPU(ctx)
	if err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := current.busy + current.idle - m.last.busy - m.last.idle
	if m.last.at.IsZero() || current.at.Sub(m.last.at) < leastInterval || all <= 0 {
		return nil
	}
	share := 100 * (current.busy - m.last.busy) / all
	m.last = current
	return &share
}

func readCPU(ctx context.Context) (cpuReading, error) {
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(times) == 0 {
		return cpuReading{}, err
	}
	t := times[0]
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return cpuReading{at: time.Now(), busy: busy, idle: t.Idle + t.Iowait}, nil
}

func (m *Meter) disks(ctx context.Context) []resource.Disk {
	disks := []resource.Disk{}
	for _, path := range m.paths {
		usage, err := disk.UsageWithContext(ctx, path)
		if err != nil || usage.Total == 0 {
			continue
		}
		disks = append(disks, resource.Disk{
			Path: path, Total: int64(usage.Total), Free: int64(usage.Free),
			UsedPercent: 100 * (1 - float64(usage.Free)/float64(usage.Total)),
		})
	}
	return disks
}

// Network counts what passed the interfaces; nil where the system does not tell.
func (m *Meter) Network(ctx context.Context) *resource.Network {
	interfaces, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil
	}
	var sum resource.Network
	for _, one := range interfaces {
		if one.Name == "lo" || strings.HasPrefix(one.Name, "lo0") {
			continue
		}
		sum.BytesSent += int64(one.BytesSent)
		sum.BytesReceived += int64(one.BytesRecv)
		sum.PacketsSent += int64(one.PacketsSent)
		sum.PacketsReceived += int64(one.PacketsRecv)
		sum.Errors += int64(one.Errin + one.Errout)
		sum.Drops += int64(one.Dropin + one.Dropout)
	}
	if connections, err := net.ConnectionsPidWithContext(ctx, "tcp", int32(os.Getpid())); err == nil {
		count := len(connections)
		sum.Connections = &count
	}
	return &sum
}

// DiskIO counts what whole disks did; nil where the system does not tell.
func (m *Meter) DiskIO(ctx context.Context) *resource.DiskIO {
	counters, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return nil
	}
	var sum resource.DiskIO
	for name, one := range counters {
		if partOfAnother(name, counters) {
			continue // a partition's work is its disk's as well
		}
		sum.ReadCount += int64(one.ReadCount)
		sum.WriteCount += int64(one.WriteCount)
		sum.ReadBytes += int64(one.ReadBytes)
		sum.WriteBytes += int64(one.WriteBytes)
		sum.ReadMS += int64(one.ReadTime)
		sum.WriteMS += int64(one.WriteTime)
	}
	return &sum
}

// partOfAnother reports whether a name is a partition of a disk that is there
// as well: sda1 of sda, nvme0n1p1 of nvme0n1.
func partOfAnother(name string, all map[string]disk.IOCountersStat) bool {
	whole := strings.TrimRight(name, "0123456789")
	if whole == name {
		return false
	}
	for _, parent := range []string{whole, strings.TrimSuffix(whole, "p")} {
		if _, there := all[parent]; there && parent != name {
			return true
		}
	}
	return false
}

func whole(value uint64) *int64 {
	signed := int64(value)
	return &signed
}
