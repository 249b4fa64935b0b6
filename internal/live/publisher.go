package live

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skyledger/skyledger/internal/fault"
)

const (
	// timeToLive is how long a version stays in Redis: long enough for every
	// reader to leave it, and for a feed that pauses for a few minutes.
	timeToLive = 10 * time.Minute
	// publishTimeout bounds what a slow Redis may take from a tick.
	publishTimeout = time.Second
)

// moveScript moves the pointer forward, never back: two runs may publish at
// once, and the older one may come last. What is no pointer of ours gives way.
// µs since 1970 are exact in Lua's numbers until the year 2255.
const moveScript = `
local found = redis.pcall('GET', KEYS[1])
if type(found) == 'string' then
  local seen = string.match(found, '^(%d+) %d+$')
  if seen and tonumber(seen) > tonumber(ARGV[1]) then return 0 end
else
  redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1`

// holdScript moves the pointer to a suspicious snapshot and leaves the rows
// where they are; it returns their version, 0 when there are none.
const holdScript = `
local found = redis.pcall('GET', KEYS[1])
if type(found) ~= 'string' then return '0' end
local seen, snapshot = string.match(found, '^(%d+) (%d+)$')
if not seen then return '0' end
if tonumber(seen) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. snapshot, 'PX', ARGV[2])
end
return snapshot`

// dropScript removes a pointer that is older than what could not be published.
// DEL works where Redis is full, and readers without a pointer ask the log.
const dropScript = `
local found = redis.pcall('GET', KEYS[1])
local seen = type(found) == 'string' and string.match(found, '^(%d+) %d+$')
if not seen or tonumber(seen) < tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return 1`

// Publisher shows a view to every reader. Safe for concurrent use.
type Publisher struct {
	client             redis.Cmdable
	keys               keys
	memory             *Memory
	move, remain, drop *redis.Script
}

// NewPublisher returns a publisher of one source's views. space sets the
// source's keys apart from others' in the same Redis. client is nil where there
// is no Redis; memory is nil where no reader shares the process.
func NewPublisher(client redis.Cmdable, space string, memory *Memory) *Publisher {
	return &Publisher{
		client: client, keys: newKeys(space), memory: memory,
		move: redis.NewScript(moveScript), remain: redis.NewScript(holdScript), drop: redis.NewScript(dropScript),
	}
}

// Publish renders the view's common answers and shows them: in memory, then in
// Redis under the view's version, then by moving the pointer, which never moves
// back. Its error says that readers in other processes do not see the view
// from Redis; they then build it from the log. The tick is not concerned.
func (p *Publisher) Publish(ctx context.Context, view *View) error {
	const op = "live.Publisher.Publish"
	answers, err := render(view)
	if err != nil {
		return fault.E(op, fault.Internal, "render", err)
	}
	version := pointer{seen: view.Snapshot.UnixMicro(), snapshot: view.Snapshot.UnixMicro()}
	if p.memory != nil {
		entries, err := loadAll(answers)
		if err != nil {
			return fault.E(op, fault.Internal, "render", err)
		}
		p.memory.move(version, time.Now(), entries...)
	}
	if p.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := p.put(ctx, version, answers); err != nil {
		p.giveUp(ctx, version)
		return redisFault(op, err)
	}
	return nil
}

func loadAll(answers []rendered) ([]*entry, error) {
	entries := make([]*entry, len(answers))
	for i, answer := range answers {
		var err error
		if entries[i], err = answer.load(); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// put writes the entries in one round trip and then moves the pointer: a reader
// that sees the pointer finds the entries.
func (p *Publisher) put(ctx context.Context, version pointer, answers []rendered) error {
	_, err := p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, answer := range answers {
			value, err := answer.marshal()
			if err != nil {
				return err
			}
			pipe.Set(ctx, p.keys.entry(version.snapshot, answer.head.Name, answer.head.Encoding), value, timeToLive)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.move.Run(ctx, p.client, []string{p.keys.pointer()}, version.seen, version.snapshot, timeToLive.Milliseconds()).Err()
}

// giveUp takes an older pointer away, as far as Redis lets it, so that nobody
// takes the view it points at for the newest.
func (p *Publisher) giveUp(ctx context.Context, version pointer) {
	// What failed may have been the time allowed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	_ = p.drop.Run(ctx, p.client, []string{p.keys.pointer()}, version.seen).Err()
}

// Hold keeps the last good view while the snapshot seen at the time given is
// suspicious: its rows stay and are marked stale.
func (p *Publisher) Hold(ctx context.Context, seen time.Time) error {
	if p.memory != nil {
		p.memory.hold(seen.UnixMicro(), time.Now())
	}
	if p.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	snapshot, err := p.remain.Run(ctx, p.client, []string{p.keys.pointer()}, seen.UnixMicro(), timeToLive.Milliseconds()).Text()
	if err == nil && snapshot != "0" {
		version, _ := parsePointer(snapshot + " " + snapshot)
		_, err = p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, name := range Names() {
				for _, encoding := range []Encoding{JSON, Gzip} {
					pipe.PExpire(ctx, p.keys.entry(version.snapshot, name, encoding), timeToLive)
				}
			}
			return nil
		})
	}
	return redisFault("live.Publisher.Hold", err)
}

// Reset takes the pointer away and empties the memory: the database was made
// anew, and an older snapshot may now be the newest.
func (p *Publisher) Reset(ctx context.Context) error {
	if p.memory != nil {
		p.memory.forget()
	}
	if p.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return redisFault("live.Publisher.Reset", p.client.Del(ctx, p.keys.pointer()).Err())
}

// redisFault classifies what Redis said. The reason is what a metric counts.
func redisFault(op string, err error) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	var slow net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return fault.E(op, fault.Timeout, "redis_timeout", err)
	case strings.HasPrefix(said, "OOM"):
		return fault.E(op, fault.Unavailable, "redis_full", err)
	case strings.HasPrefix(said, "LOADING"):
		return fault.E(op, fault.Unavailable, "redis_loading", err)
	case strings.HasPrefix(said, "READONLY"):
		return fault.E(op, fault.Unavailable, "redis_read_only", err)
	default:
		return fault.E(op, fault.Unavailable, "redis", err)
	}
}
