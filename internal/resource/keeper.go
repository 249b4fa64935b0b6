package resource

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/skyledger/skyledger/internal/store"
)

// Kept is where usage and fill lie; *store.Store is one.
type Kept interface {
	RecordFill(ctx context.Context, samples []store.FillSample) error
	CondenseUsage(ctx context.Context, retain time.Duration) error
}

// Keeper keeps the figures in shape: once an hour it notes how full the
// database and the disks are, adds settled hours up and ends what is past its
// retention.
type Keeper struct {
	Kept   Kept
	Disks  []string      // paths on them
	Retain time.Duration // 0 keeps everything
}

// Keep does it once.
func (k Keeper) Keep(ctx context.Context) error {
	var samples []store.FillSample
	for _, path := range k.Disks {
		if used, capacity, err := diskUse(path); err == nil {
			samples = append(samples, store.FillSample{What: "disk " + path, Used: used, Capacity: &capacity})
		}
	}
	return errors.Join(k.Kept.RecordFill(ctx, samples), k.Kept.CondenseUsage(ctx, k.Retain))
}

// diskUse returns the bytes used, and those that could be, on the file system
// of a path. What is reserved for root counts as used.
func diskUse(path string) (used, capacity int64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, 0, err
	}
	block := int64(stat.Bsize) //nolint:unconvert // it is a uint32 on macOS
	capacity = int64(stat.Blocks) * block
	return capacity - int64(stat.Bavail)*block, capacity, nil
}
