package provision

import (
	"errors"
	"os"
	"syscall"

	"github.com/skyledger/skyledger/internal/fault"
)

// Lock takes the lock file at path for this process and returns its release.
// The system lets go of it however the process ends. Held by somebody else it
// is a fault.Conflict with reason "locked".
func Lock(path string) (release func(), err error) {
	const op = "provision.Lock"
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.E(op, fault.Unavailable, "lock_file", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.E(op, fault.Conflict, "locked", nil).
				WithMessage("Another process is using it (it holds " + path + ").")
		}
		return nil, fault.E(op, fault.Unavailable, "lock_file", err)
	}
	return func() { file.Close() }, nil
}
