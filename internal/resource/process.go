package resource

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is what this process uses. Memory is in bytes.
type Process struct {
	PID          int        `json:"pid"`
	StartedAt    *time.Time `json:"started_at" doc:"when it started, by the wall's clock; null where the kernel does not say"`
	UptimeS      *float64   `json:"uptime_s" doc:"seconds since then, to 10 ms"`
	CPUSeconds   float64    `json:"cpu_seconds" doc:"processor time used since the start, in seconds"`
	CPUPercent   *float64   `json:"cpu_percent" doc:"processor time of one processor used since the last look, in percent; null when that was less than 100 ms ago"`
	GOMAXPROCS   int        `json:"gomaxprocs" doc:"threads that may run Go at once"`
	MemoryRSS    *int64     `json:"memory_rss_bytes" doc:"resident size; null where the kernel does not say"`
	MemoryPeak   *int64     `json:"memory_peak_bytes" doc:"greatest resident size since the start; null where the kernel does not say"`
	MemoryLimit  *int64     `json:"memory_limit_bytes" doc:"soft limit of Go's memory (GOMEMLIMIT); null when none is set"`
	HeapLive     int64      `json:"heap_live_bytes" doc:"objects in use or not yet found to be garbage"`
	HeapFree     int64      `json:"heap_free_bytes" doc:"kept by Go for new objects, not given back to the system"`
	HeapReleased int64      `json:"heap_released_bytes" doc:"given back to the system"`
	GoMemory     int64      `json:"go_memory_bytes" doc:"what counts against the memory limit"`
	Goroutines   int        `json:"goroutines"`
	Threads      *int       `json:"threads" doc:"null where the kernel does not say"`
	OpenFiles    *int       `json:"open_files" doc:"descriptors, connections included; null where the kernel does not say"`
	GCCycles     uint64     `json:"gc_cycles" doc:"garbage collections since the start"`
	GCShare      *float64   `json:"gc_share" doc:"garbage collection's part of the processor time used, 0 to 1; null before the first collection"`
	GCPauseP99MS *float64   `json:"gc_pause_p99_ms" doc:"99 % of the pauses for collections since the start were shorter; null when there were none"`
	SchedP99MS   *float64   `json:"scheduler_lag_p99_ms" doc:"99 % of the goroutines that were ready to run waited less for a processor; null when none ever waited"`
}

// Meter reads this process. Percentages are over the time since its last
// reading, of whoever asked.
type Meter struct {
	mu   sync.Mutex
	last reading
}

type reading struct {
	at  time.Time
	cpu time.Duration
}

// leastInterval is the shortest time over which a percentage says anything:
// the kernel counts processor time in steps of up to 10 ms.
const leastInterval = 100 * time.Millisecond

// NewMeter returns a meter whose first interval begins now.
func NewMeter() *Meter {
	return &Meter{last: reading{at: time.Now(), cpu: processorTime()}}
}

const (
	gcSeconds    = "/cpu/classes/gc/total:cpu-seconds"
	idleSeconds  = "/cpu/classes/idle:cpu-seconds"
	allSeconds   = "/cpu/classes/total:cpu-seconds"
	heapObjects  = "/memory/classes/heap/objects:bytes"
	heapFree     = "/memory/classes/heap/free:bytes"
	heapReleased = "/memory/classes/heap/released:bytes"
	allMemory    = "/memory/classes/total:bytes"
	gcCycles     = "/gc/cycles/total:gc-cycles"
	gcPauses     = "/sched/pauses/total/gc:seconds"
	schedWaits   = "/sched/latencies:seconds"
)

// Process returns the figures as they are now.
func (m *Meter) Process() Process {
	samples := read(gcSeconds, idleSeconds, allSeconds, heapObjects, heapFree, heapReleased, allMemory, gcCycles, gcPauses, schedWaits)
	cpu := processorTime()
	p := Process{
		PID: os.Getpid(), CPUSeconds: cpu.Seconds(), CPUPercent: m.percent(cpu),
		GOMAXPROCS: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine(),
		HeapLive: whole(samples[heapObjects]), HeapFree: whole(samples[heapFree]), HeapReleased: whole(samples[heapReleased]),
		GoMemory: whole(samples[allMemory]) - whole(samples[heapReleased]), GCCycles: uint64(whole(samples[gcCycles])),
		GCPauseP99MS: quantile(samples[gcPauses], 0.99), SchedP99MS: quantile(samples[schedWaits], 0.99),
	}
	if used := samples[allSeconds].Float64() - samples[idleSeconds].Float64(); p.GCCycles > 0 && used > 0 {
		p.GCShare = pointer(samples[gcSeconds].Float64() / used)
	}
	if limit := memoryLimit(); limit > 0 {
		p.MemoryLimit = &limit
	}
	status := kernelStatus()
	p.MemoryRSS, p.MemoryPeak = status.bytes("VmRSS"), status.bytes("VmHWM")
	if threads, err := strconv.Atoi(status["Threads"]); err == nil {
		p.Threads = &threads
	}
	if names, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.OpenFiles = pointer(len(names) - 1) // one is the reading's own
	}
	if age, known := Age(); known {
		p.UptimeS = pointer(age.Seconds())
		p.StartedAt = pointer(time.Now().Add(-age).UTC().Truncate(10 * time.Millisecond))
	}
	return p
}

func (m *Meter) percent(cpu time.Duration) *float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	passed := time.Since(m.last.at)
	if passed < leastInterval {
		return nil
	}
	share := 100 * float64(cpu-m.last.cpu) / float64(passed)
	m.last = reading{at: time.Now(), cpu: cpu}
	return &share
}

func read(names ...string) map[string]metrics.Value {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	values := make(map[string]metrics.Value, len(names))
	for _, sample := range samples {
		values[sample.Name] = sample.Value
	}
	return values
}

func whole(value metrics.Value) int64 { return int64(value.Uint64()) }

// quantile returns the upper bound, in milliseconds, of the bucket below which
// the share of a histogram of seconds lies.
func quantile(value metrics.Value, share float64) *float64 {
	histogram := value.Float64Histogram()
	var all, seen uint64
	for _, count := range histogram.Counts {
		all += count
	}
	if all == 0 {
		return nil
	}
	for i, count := range histogram.Counts {
		seen += count
		if float64(seen) < share*float64(all) {
			continue
		}
		bound := histogram.Buckets[i+1]
		if math.IsInf(bound, 1) {
			bound = histogram.Buckets[i]
		}
		return pointer(bound * 1000)
	}
	return nil
}

// processorTime is what the process has used of processors so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// collectorTime is what garbage collection has used of it.
func collectorTime() time.Duration {
	return time.Duration(read(gcSeconds)[gcSeconds].Float64() * float64(time.Second))
}

// status is /proc/self/status by name; empty where there is none.
type status map[string]string

func kernelStatus() status {
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	lines := status{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		lines[name] = strings.TrimSpace(value)
	}
	return lines
}

// bytes returns a value given in kB.
func (s status) bytes(name string) *int64 {
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(s[name], " kB"), 10, 64)
	if err != nil {
		return nil
	}
	return pointer(kilobytes * 1024)
}

// peakMemory is the greatest resident size of the process; nil where the kernel
// does not say. (rusage's is no measure: a child inherits its parent's.)
func peakMemory() *int64 { return kernelStatus().bytes("VmHWM") }

// clockTicks is the unit of times in /proc, the same on every Linux that Go
// runs on.
const clockTicks = 100

// Age returns how long ago the process started, to 10 ms.
func Age() (age time.Duration, known bool) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, false
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, false
	}
	// "pid (name) state …": the name may hold spaces and brackets; the start, in
	// ticks since boot, is the 20th field after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	seconds := strings.Fields(string(uptime))
	if len(fields) < 20 || len(seconds) == 0 {
		return 0, false
	}
	ticks, err := strconv.ParseFloat(fields[19], 64)
	if err != nil {
		return 0, false
	}
	since, err := strconv.ParseFloat(seconds[0], 64)
	if err != nil {
		return 0, false
	}
	return time.Duration(math.Round((since-ticks/clockTicks)*100)) * 10 * time.Millisecond, true
}

// Released says what a release of memory did.
type Released struct {
	RSSBefore  *int64 `json:"rss_before_bytes" doc:"resident size before; null where the kernel does not say"`
	RSSAfter   *int64 `json:"rss_after_bytes"`
	HeapBefore int64  `json:"heap_before_bytes" doc:"heap objects and free heap before"`
	HeapAfter  int64  `json:"heap_after_bytes"`
}

// Release collects garbage and gives free memory back to the system.
func (m *Meter) Release() Released {
	before := m.heap()
	r := Released{RSSBefore: kernelStatus().bytes("VmRSS"), HeapBefore: before}
	debug.FreeOSMemory()
	r.HeapAfter, r.RSSAfter = m.heap(), kernelStatus().bytes("VmRSS")
	return r
}

func (m *Meter) heap() int64 {
	samples := read(heapObjects, heapFree)
	return whole(samples[heapObjects]) + whole(samples[heapFree])
}

func pointer[T any](value T) *T { return &value }
