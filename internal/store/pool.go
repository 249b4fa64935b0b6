package store

import "time"

// Pool describes the pool as it is now and what it did since it was opened.
type Pool struct {
	Size, Idle, InUse, Max int32

	Acquires int64         // connections handed out
	Waits    int64         // of those, after a wait for one to come free or to be made
	WaitTime time.Duration // the waits together
}

// Pool returns the number of connections and who waited for them.
func (s *Store) Pool() Pool {
	stat := s.pool.Stat()
	return Pool{
		Size: stat.TotalConns(), Idle: stat.IdleConns(), InUse: stat.AcquiredConns(), Max: stat.MaxConns(),
		Acquires: stat.AcquireCount(), Waits: stat.EmptyAcquireCount(), WaitTime: stat.EmptyAcquireWaitTime(),
	}
}

// DropIdle closes the connections that nobody uses, and those in use once they
// come back. The next statement connects anew.
func (s *Store) DropIdle() { s.pool.Reset() }
