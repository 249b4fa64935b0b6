package rawlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/skyledger/skyledger/internal/fault"
)

// lockPause is how long a writer waits before it asks again for a lock that
// another one holds: appends hold it for some milliseconds.
const lockPause = 2 * time.Millisecond

// Lock holds the lock file of the hour of the day until unlock is called or the
// process ends. The files stay: one that were removed could be held by two.
func (d *Dir) Lock(ctx context.Context, hour time.Time) (func(), error) {
	const op = "rawlog.Dir.Lock"
	folder := filepath.Join(d.root, "locks")
	if err := makeFolders(folder); err != nil {
		return nil, d.fault(op, err)
	}
	file, err := os.OpenFile(filepath.Join(folder, hour.UTC().Format("15")+".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, d.fault(op, err)
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, d.fault(op, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fault.E(op, fault.Unavailable, "log_locked", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}
