package rawlog

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary runs itself again as a writer when these are set.
const (
	writerFolder = "RAWLOG_TEST_FOLDER"
	writerSeed   = "RAWLOG_TEST_SEED"
	writerCount  = "RAWLOG_TEST_COUNT"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(writerFolder); folder != "" {
		if err := writeRecords(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// writeRecords appends a network's records, all writers at the same moments but
// each with bodies of its own, and prints the moment of each that was its.
func writeRecords(folder string) error {
	seed, err := strconv.ParseUint(os.Getenv(writerSeed), 10, 64)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(os.Getenv(writerCount))
	if err != nil {
		return err
	}
	l, err := Open(context.Background(), OpenDir(folder), Options{})
	if err != nil {
		return err
	}
	n := newNetwork(60, seed)
	for range count {
		entry, appended, err := l.Append(context.Background(), n.record())
		if err != nil {
			return err
		}
		if appended {
			fmt.Println(entry.At.UnixMicro())
		}
	}
	return l.Close()
}

// startWriter starts a writer process and returns what it prints.
func startWriter(t *testing.T, folder string, seed, count int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerFolder+"="+folder, writerSeed+"="+strconv.Itoa(seed), writerCount+"="+strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// bodiesOf maps the moments of a writer's records to their bodies.
func bodiesOf(seed uint64, count int) map[int64]string {
	bodies := map[int64]string{}
	for _, record := range take(newNetwork(60, seed), count) {
		bodies[record.At.UnixMicro()] = string(record.Network)
	}
	return bodies
}

func TestWritersInSeveralProcesses(t *testing.T) {
	const writers, count = 3, 300 // crosses an hour
	folder := t.TempDir()
	owner := map[int64]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for seed := range writers {
		cmd, out := startWriter(t, folder, seed, count)
		group.Go(func() {
			for out.Scan() {
				at, err := strconv.ParseInt(out.Text(), 10, 64)
				mu.Lock()
				if other, taken := owner[at]; taken || err != nil {
					t.Errorf("%q was appended by %d and by %d (%v)", out.Text(), other, seed, err)
				}
				owner[at] = seed
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	l := openDir(t, folder)
	if _, err := l.Compact(t.Context(), start.Add(time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	var want []map[int64]string
	for seed := range writers {
		want = append(want, bodiesOf(uint64(seed), count))
	}
	records := all(t, l)
	if len(records) != count || len(owner) != count {
		t.Fatalf("%d records, %d acknowledged, want %d", len(records), len(owner), count)
	}
	for _, record := range records {
		at := record.At.UnixMicro()
		if string(record.Network) != want[owner[at]][at] {
			t.Fatalf("the record of %v is not that of the writer that appended it", record.At)
		}
	}
}

func TestWriterKilledWhileAppending(t *testing.T) {
	for round := range 6 {
		folder := t.TempDir()
		const count = 100000
		cmd, out := startWriter(t, folder, 1, count)
		acknowledged := map[int64]bool{}
		for out.Scan() {
			at, err := strconv.ParseInt(out.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[at] = true
			if len(acknowledged) == 25+7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer was not killed")
		}
		l := openDir(t, folder)
		want := bodiesOf(1, len(acknowledged)+1)
		another := newNetwork(5, 9)
		another.at = start.Add(50 * time.Minute)
		add(t, l, another.record())
		records := all(t, l)
		records = records[:len(records)-1]
		if extra := len(records) - len(acknowledged); extra < 0 || extra > 1 {
			t.Fatalf("%d records, %d acknowledged", len(records), len(acknowledged))
		}
		for _, record := range records {
			if string(record.Network) != want[record.At.UnixMicro()] {
				t.Fatalf("the record of %v is not what was appended", record.At)
			}
		}
	}
}

func TestManyLogsInOneProcess(t *testing.T) {
	folder := t.TempDir()
	records := take(newNetwork(30, 1), 40)
	logs := []*Log{openDir(t, folder), openDir(t, folder), openDir(t, folder)}
	var appended [40]int
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			for j, record := range records {
				_, mine, err := logs[i%len(logs)].Append(t.Context(), record)
				if err != nil {
					t.Error(err)
				}
				if mine {
					mu.Lock()
					appended[j]++
					mu.Unlock()
				}
			}
		})
	}
	group.Go(func() {
		for range 20 {
			if _, err := logs[0].Compact(t.Context(), longAfter(), 0); err != nil {
				t.Error(err)
			}
			for record, err := range logs[1].Range(t.Context(), time.Time{}, endOfTime) {
				if err != nil || len(record.Network) == 0 {
					t.Error(err)
				}
			}
		}
	})
	group.Wait()
	for j, times := range appended {
		if times != 1 {
			t.Errorf("record %d was appended %d times", j, times)
		}
	}
	equal(t, records, all(t, logs[2]))
}
