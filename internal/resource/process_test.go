package resource_test

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/skyledger/skyledger/internal/resource"
	"github.com/skyledger/skyledger/internal/store"
)

// TestTheProcessIsMeasured holds each figure against another way to it.
func TestTheProcessIsMeasured(t *testing.T) {
	meter := resource.NewMeter()
	runtime.GC() // what tests before this one left
	before := meter.Process()
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1 // or the pages stay away
	}
	stop := make(chan struct{})
	defer close(stop)
	for range 25 {
		go func() { <-stop }()
	}
	runtime.GC()
	after := meter.Process()
	if grown := after.HeapLive - before.HeapLive; grown < 50<<20 {
		t.Errorf("64 MB more make the heap grow by %d", grown)
	}
	if more := after.Goroutines - before.Goroutines; more != 25 {
		t.Errorf("25 goroutines more are counted as %d", more)
	}
	if after.GCCycles <= before.GCCycles || after.GCShare == nil || *after.GCShare <= 0 || *after.GCShare > 1 {
		t.Errorf("a collection left %d cycles, then %d, share %v", before.GCCycles, after.GCCycles, after.GCShare)
	}
	if after.CPUSeconds <= before.CPUSeconds {
		t.Error("filling memory took no processor time")
	}
	if runtime.GOOS == "linux" {
		holdAgainstPS(t, after)
	}
	runtime.KeepAlive(block)
}

func holdAgainstPS(t *testing.T, p resource.Process) {
	t.Helper()
	if p.MemoryRSS == nil || p.MemoryPeak == nil || *p.MemoryPeak < *p.MemoryRSS || *p.MemoryRSS < 64<<20 {
		t.Errorf("resident %v, peak %v", p.MemoryRSS, p.MemoryPeak)
	}
	if p.OpenFiles == nil || *p.OpenFiles < 3 || p.Threads == nil || *p.Threads < 2 {
		t.Errorf("open files %v, threads %v", p.OpenFiles, p.Threads)
	}
	output, err := exec.Command("ps", "-o", "etimes=", "-p", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		t.Logf("without ps the age is not held against anything: %v", err)
		return
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(output)), 64)
	if err != nil {
		t.Fatal(err)
	}
	if p.UptimeS == nil || *p.UptimeS > seconds+1 || *p.UptimeS < 0 {
		t.Errorf("it is %v s old, ps says %v", p.UptimeS, seconds)
	}
}

func TestReleasingGivesMemoryBack(t *testing.T) {
	leaveGarbage()
	released := resource.NewMeter().Release()
	if released.HeapBefore-released.HeapAfter < 50<<20 {
		t.Errorf("64 MB of garbage: heap from %d to %d", released.HeapBefore, released.HeapAfter)
	}
	if released.RSSBefore != nil && *released.RSSBefore-*released.RSSAfter < 50<<20 {
		t.Errorf("64 MB of garbage: resident from %d to %d", *released.RSSBefore, *released.RSSAfter)
	}
}

func TestTheMemoryLimitFollowsTheFunctionsMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	if got := resource.LimitMemory(512, ""); got != 429496729 || debug.SetMemoryLimit(-1) != got {
		t.Errorf("512 MB give a limit of %d, in force is %d", got, debug.SetMemoryLimit(-1))
	}
	if got := resource.LimitMemory(1024, "1GiB"); got != 429496729 {
		t.Errorf("GOMEMLIMIT was overruled by %d", got)
	}
	if got := resource.LimitMemory(0, ""); got != 429496729 {
		t.Errorf("a memory nobody knows gave %d", got)
	}
	if p := resource.NewMeter().Process(); p.MemoryLimit == nil || *p.MemoryLimit != 429496729 {
		t.Errorf("the process says %v", p.MemoryLimit)
	}
}

func TestPoolsFollowTheMemory(t *testing.T) {
	for memory, want := range map[int]int32{0: 2, 128: 1, 256: 1, 512: 2, 1024: 2} {
		if got := resource.PoolSize(memory); got != want {
			t.Errorf("%d MB: %d connections, want %d", memory, got, want)
		}
	}
}

func TestLambdaIsReadFromItsVariables(t *testing.T) {
	says := resource.LambdaFrom([]string{
		"AWS_LAMBDA_FUNCTION_NAME=skyledger-ingest", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=provisioned-concurrency", "AWS_LAMBDA_LOG_STREAM_NAME=2026/03/01/[$LATEST]ab", "AWS_REGION=eu-west-1",
	})
	want := resource.Lambda{
		Function: "skyledger-ingest", Version: "$LATEST", MemoryMB: 512, Initialization: "provisioned-concurrency",
		Stream: "2026/03/01/[$LATEST]ab", Region: "eu-west-1",
	}
	if says != want {
		t.Errorf("got %+v", says)
	}
	if says.Cold() || (resource.Lambda{}).Cold() || !(resource.Lambda{Function: "f"}).Cold() {
		t.Error("only a process that starts on demand is cold")
	}
}

var _ resource.Kept = (*store.Store)(nil)
var _ resource.Sink = (*store.Store)(nil)

// leaveGarbage fills 64 MB that nobody holds once it has returned.
func leaveGarbage() {
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	runtime.KeepAlive(block)
}
