package live

import (
	"context"
	"strconv"
	"strings"

	"github.com/skyledger/skyledger/internal/fault"
)

// Server is what Redis says of itself; nil is what it does not say.
type Server struct {
	Version          *string
	ConnectedClients *int64
	UsedMemory       *string // for people, as "1.02M"
	KeyspaceHits     *int64  // since the server began, of everybody who uses it
	KeyspaceMisses   *int64
}

// Server asks Redis how it is doing. Its error is fault.Unavailable or
// fault.Timeout.
func (r *Reader) Server(ctx context.Context) (Server, error) {
	const op = "live.Reader.Server"
	if r.client == nil {
		return Server{}, fault.E(op, fault.Unavailable, NoRedis, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	text, err := r.client.Info(ctx).Result()
	if err != nil {
		return Server{}, redisFault(op, err)
	}
	return readInfo(text), nil
}

// readInfo reads the lines "name:value" of INFO.
func readInfo(text string) Server {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); found {
			values[name] = value
		}
	}
	word := func(name string) *string {
		if value, said := values[name]; said {
			return &value
		}
		return nil
	}
	number := func(name string) *int64 {
		value, err := strconv.ParseInt(values[name], 10, 64)
		if err != nil {
			return nil
		}
		return &value
	}
	return Server{
		Version: word("redis_version"), ConnectedClients: number("connected_clients"), UsedMemory: word("used_memory_human"),
		KeyspaceHits: number("keyspace_hits"), KeyspaceMisses: number("keyspace_misses"),
	}
}
