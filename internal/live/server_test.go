package live

import (
	"testing"

	"github.com/skyledger/skyledger/internal/provision/redistest"
)

func TestServerSaysWhatRedisSays(t *testing.T) {
	client, err := Dial(redistest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reader := NewReader(Options{Client: client, Memory: NewMemory()})
	defer reader.Close()
	before, err := reader.Server(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before.Version == nil || before.ConnectedClients == nil || *before.ConnectedClients < 1 || before.UsedMemory == nil || *before.UsedMemory == "" {
		t.Fatalf("%+v", before)
	}
	if err := client.Set(t.Context(), "server-test", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, _ = client.Get(t.Context(), "server-test").Result()
	_, _ = client.Get(t.Context(), "server-test-absent").Result()
	after, err := reader.Server(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *after.KeyspaceHits <= *before.KeyspaceHits || *after.KeyspaceMisses <= *before.KeyspaceMisses {
		t.Errorf("hits %d then %d, misses %d then %d", *before.KeyspaceHits, *after.KeyspaceHits, *before.KeyspaceMisses, *after.KeyspaceMisses)
	}
}

func TestWhatRedisDoesNotSayIsUnknown(t *testing.T) {
	info := readInfo("# Server\r\nredis_version:7.0.15\r\nkeyspace_hits:many\r\n")
	if info.Version == nil || *info.Version != "7.0.15" || info.KeyspaceHits != nil || info.UsedMemory != nil {
		t.Errorf("%+v", info)
	}
}
