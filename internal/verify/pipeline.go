package verify

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/skyledger/skyledger/internal/rawlog"
)

// counted is one record with what the counter found in it.
type counted struct {
	record   rawlog.Record
	snapshot *snapshot // nil when the body is no snapshot
	err      error     // of the log; it ends the stream
}

// stream counts the log's records of the range on every processor and yields
// them in their order. At most two records per processor are in memory.
func (r *run) stream(ctx context.Context, yield func(counted) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()

	ordered := make(chan chan counted, runtime.GOMAXPROCS(0))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0)+1)
	workers.Go(func() {
		defer close(ordered)
		for record, err := range r.Log.Range(ctx, r.from, r.through.Add(time.Microsecond)) {
			result := make(chan counted, 1)
			select {
			case ordered <- result:
			case <-ctx.Done():
				return
			}
			if err != nil {
				result <- counted{err: err}
				return
			}
			slots <- struct{}{}
			workers.Go(func() {
				snapshot, _ := count(record.Network)
				result <- counted{record: record, snapshot: snapshot}
				<-slots
			})
		}
	})
	for result := range ordered {
		next := <-result
		if next.err != nil {
			return next.err
		}
		if err := yield(next); err != nil {
			return err
		}
	}
	return ctx.Err()
}
