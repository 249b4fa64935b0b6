package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/access"
	"github.com/skyledger/skyledger/internal/fault"
	"github.com/skyledger/skyledger/internal/provision/redistest"
)

// limited is a gate that counts by address alone.
func limited(policy access.Policy, client redis.Cmdable, space string, rate access.Rate) *access.Gate {
	return access.NewGate(access.Options{Policy: policy, Redis: client, Space: space, Rates: access.Rates{Address: rate, Query: rate}})
}

// someRate draws a rate whose period has so many ms.
func someRate(rt *rapid.T, least, most int) access.Rate {
	return access.Rate{
		Requests: rapid.IntRange(1, 100).Draw(rt, "requests"),
		Per:      time.Duration(rapid.IntRange(least, most).Draw(rt, "ms")) * time.Millisecond,
	}
}

// request is one that was let in, by the test's clock.
type request struct{ began, ended time.Time }

// hammer asks as quickly as it can with so many workers on each gate and
// returns what was let in.
func hammer(gates []*access.Gate, workers int, during time.Duration) []request {
	var group sync.WaitGroup
	var mu sync.Mutex
	var admitted []request
	until := time.Now().Add(during)
	for _, gate := range gates {
		for range workers {
			group.Go(func() {
				for began := time.Now(); began.Before(until); began = time.Now() {
					if _, err := gate.Admit(context.Background(), "", home, access.Read); err == nil {
						mu.Lock()
						admitted = append(admitted, request{began, time.Now()})
						mu.Unlock()
					}
				}
			})
		}
	}
	group.Wait()
	return admitted
}

// most returns by how many requests the fullest stretch of time exceeds the
// rate. Only those count that lie in the stretch from beginning to end.
func most(requests []request, rate access.Rate) float64 {
	slices.SortFunc(requests, func(a, b request) int { return a.ended.Compare(b.ended) })
	worst := 0.0
	for _, first := range requests {
		inside := 0
		for _, other := range requests {
			if other.began.Before(first.began) {
				continue
			}
			inside++
			allowed := float64(rate.Requests) * (1 + float64(other.ended.Sub(first.began))/float64(rate.Per))
			worst = max(worst, float64(inside)-allowed)
		}
	}
	return worst
}

// TestLimitIsNeverExceeded: whatever the limit and however many ask, two
// processes with one Redis let no more in than the limit and what each holds
// ahead: a tenth of the limit, and at least one.
func TestLimitIsNeverExceeded(t *testing.T) {
	client, policy := newRedis(t), deployed(t)
	run, counted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rate := someRate(rt, 20, 120)
		run++
		space := fmt.Sprint("exceeded", run)
		gates := []*access.Gate{limited(policy, client, space, rate), limited(policy, client, space, rate)}
		admitted := hammer(gates, rapid.IntRange(1, 6).Draw(rt, "workers"), 40*time.Millisecond)
		for _, gate := range gates {
			gate.Close()
			if gate.Stats().Local > 0 {
				return // this machine is so busy that Redis did not answer in time
			}
		}
		counted += len(admitted)
		slack := 2 * max(1, float64(rate.Requests)/10)
		if over := most(admitted, rate); over > slack {
			rt.Errorf("%s: %d let in, at worst %.1f over; %.1f may be", rate, len(admitted), over, slack)
		}
	})
	if counted == 0 {
		t.Error("Redis counted nothing in any run: this machine is too busy to see")
	}
}

// TestLimitIsReached: a caller that alone asks one process is refused only when
// all that the limit gives was let in.
func TestLimitIsReached(t *testing.T) {
	client, policy := newRedis(t), deployed(t)
	run, refusals := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		rate := someRate(rt, 100, 400)
		run++
		gate := limited(policy, client, fmt.Sprint("reached", run), rate)
		defer gate.Close()
		refilled := func(from, to time.Time) float64 {
			return float64(rate.Requests) * float64(to.Sub(from)) / float64(rate.Per)
		}
		start := time.Now()
		counted := start // the first request has surely been counted by then
		for admitted := 0; time.Since(start) < 40*time.Millisecond; {
			began := time.Now()
			_, err := gate.Admit(context.Background(), "", home, access.Read)
			if err == nil {
				if admitted++; admitted == 1 {
					counted = time.Now()
				}
			}
			// Where the limit came in faster than we asked it was whole again at
			// some time, and what came in then was lost. Without Redis another
			// clock counts.
			if refilled(start, time.Now()) > float64(admitted) || gate.Stats().Local > 0 {
				return
			}
			if err != nil {
				refusals++
				// A millisecond is what the clocks' readings may lie apart.
				if given := float64(rate.Requests) + refilled(counted, began.Add(-time.Millisecond)); float64(admitted) <= given-1 {
					rt.Fatalf("%s: refused after %d of %.2f", rate, admitted, given)
				}
			}
		}
	})
	if refusals == 0 {
		t.Error("nothing was ever refused: this machine asks too slowly to see")
	}
}

func TestThirtyPanelsOfOneDashboard(t *testing.T) {
	client := newRedis(t)
	rate := access.PerMinute(1200)
	t.Run("thirty at once in one process need few words with Redis", func(t *testing.T) {
		gate := limited(deployed(t), client, "one", rate)
		t.Cleanup(gate.Close)
		for range 5 {
			if verdicts := storm(gate, 30, func(int) (string, string) { return "", home }); verdicts["admitted"] != 30 {
				t.Fatalf("%v", verdicts)
			}
		}
		if n := gate.Stats().Leases; n > 40 {
			t.Errorf("%d round trips for 150 requests", n)
		}
	})
	t.Run("thirty at once in as many processes, again and again", func(t *testing.T) {
		gates := make([]*access.Gate, 30)
		for i := range gates {
			gates[i] = limited(deployed(t), client, "many", rate)
			t.Cleanup(gates[i].Close)
		}
		for range 10 {
			var group sync.WaitGroup
			for _, gate := range gates {
				group.Go(func() {
					if _, err := gate.Admit(context.Background(), "", home, access.Read); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
		}
	})
}

func TestQuota(t *testing.T) {
	for name, client := range map[string]redis.Cmdable{"with Redis": newRedis(t), "without Redis": nil} {
		t.Run(name+", headers tell what is left and refusals when to come again", func(t *testing.T) {
			at := newClock()
			gate := newGate(t, access.Options{
				Policy: deployed(t), Redis: client, Space: "quota", Clock: at.now,
				Rates: access.Rates{Address: access.PerMinute(40), Query: access.PerMinute(2)},
			})
			for i := range 40 {
				verdict, err := gate.Admit(t.Context(), "", home, access.Read)
				if err != nil || verdict.Quota.Rate.Requests != 40 || verdict.Quota.Remaining > 39 || verdict.Quota.Remaining < 39-i {
					t.Fatalf("request %d: %v, %+v", i, err, verdict.Quota)
				}
				if reset := verdict.Quota.Reset; reset <= 0 || reset > time.Minute {
					t.Errorf("all is there again in %s", reset)
				}
			}
			verdict, err := gate.Admit(t.Context(), "", home, access.Read)
			wait := fault.RetryAfter(err)
			if !fault.Is(err, fault.Throttled) || wait <= 0 || wait > 1500*time.Millisecond || verdict.Quota.Remaining != 0 {
				t.Errorf("%v, wait %s, %+v", err, wait, verdict.Quota)
			}
			if _, err := gate.Admit(t.Context(), "", "192.0.2.8", access.Read); err != nil {
				t.Errorf("another address: %v", err)
			}
			if _, err := gate.Admit(t.Context(), "", "192.0.2.8", access.Query); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("a query without a key: %v", err)
			}
		})
	}
	t.Run("no limit is no limit, and has no headers", func(t *testing.T) {
		gate := limited(deployed(t), nil, "none", access.PerMinute(0))
		t.Cleanup(gate.Close)
		for range 5000 {
			if verdict, err := gate.Admit(t.Context(), "", home, access.Read); err != nil || verdict.Quota.Limited() {
				t.Fatalf("%v, %+v", err, verdict)
			}
		}
	})
	t.Run("a /64 is one caller, an IPv4 address another", func(t *testing.T) {
		gate := newGate(t, access.Options{Policy: deployed(t), Clock: newClock().now, Rates: access.Rates{Address: access.PerMinute(1)}})
		want := map[string]string{}
		for _, address := range []string{"2001:db8::1", "2001:db8::2", "[2001:db8:0:1::1]:99", "192.0.2.1:5"} {
			_, err := gate.Admit(t.Context(), "", address, access.Read)
			want[address] = verdictOf(err)
		}
		if got := fmt.Sprint(want); got != "map[192.0.2.1:5:admitted 2001:db8::1:admitted 2001:db8::2:throttled too_many_requests [2001:db8:0:1::1]:99:admitted]" {
			t.Error(got)
		}
	})
	t.Run("a key's statements are counted apart from its reading", func(t *testing.T) {
		keys := openStore(t)
		text, _ := issue(t, keys, noon, 0, access.Query)
		gate := newGate(t, access.Options{
			Keys: keys, Policy: deployed(t), Clock: newClock().now,
			Rates: access.Rates{Address: access.PerMinute(1), Key: access.PerMinute(3), Query: access.PerMinute(2)},
		})
		got := map[string]int{}
		for _, need := range []access.Scope{access.Query, access.Query, access.Query, access.Read, access.Read, access.Read, access.Read} {
			_, err := gate.Admit(t.Context(), text, home, need)
			got[string(need)+" "+verdictOf(err)]++
		}
		if text := fmt.Sprint(got); text != "map[query admitted:2 query throttled too_many_requests:1 read admitted:3 read throttled too_many_requests:1]" {
			t.Error(text)
		}
	})
}

func TestRedisThatFails(t *testing.T) {
	rate := access.PerMinute(50)
	// check lets a caller ask 80 times; what is let in must be the limit either way.
	check := func(t *testing.T, gate *access.Gate) {
		t.Helper()
		if verdicts := ask(gate, 80); verdicts["admitted"] < 50 || verdicts["admitted"] > 52 {
			t.Errorf("%v", verdicts)
		}
	}
	t.Run("stopped, each process counts for itself, until it is back", func(t *testing.T) {
		server := redistest.New(t)
		gate := limited(deployed(t), dial(t, server.URL), "stopped", rate)
		t.Cleanup(gate.Close)
		must(t, server.Server.Kill())
		check(t, gate)
		if stats := gate.Stats(); stats.Local == 0 || stats.RedisReason == "" {
			t.Errorf("%+v", stats)
		}
		must(t, server.Server.Restart(t.Context()))
		eventually(t, "requests are counted in Redis again", func() bool {
			_, _ = gate.Admit(t.Context(), "", home, access.Read)
			return gate.Stats().RedisReason == ""
		})
	})
	t.Run("frozen, it delays a request by its 50 ms and no more often than the breaker lets it", func(t *testing.T) {
		server := redistest.New(t)
		gate := limited(deployed(t), dial(t, server.URL), "frozen", rate)
		t.Cleanup(gate.Close)
		server.Server.Pause()
		defer server.Server.Resume()
		check(t, gate)
		if n := gate.Stats().Leases; n > 40 {
			t.Errorf("Redis was asked %d times", n)
		}
	})
	t.Run("stopped half way, what was let in before counts on", func(t *testing.T) {
		server := redistest.New(t)
		gate := limited(deployed(t), dial(t, server.URL), "halfway", rate)
		t.Cleanup(gate.Close)
		before := ask(gate, 30)["admitted"]
		must(t, server.Server.Kill())
		after := ask(gate, 80)["admitted"]
		if total := before + after; total < 50 || total > 55 {
			t.Errorf("%d before and %d after", before, after)
		}
	})
	for name, spoil := range map[string]func(client *redis.Client, key string) error{
		"garbage":                         func(c *redis.Client, key string) error { return c.Set(t.Context(), key, "\x00garbage", 0).Err() },
		"another type":                    func(c *redis.Client, key string) error { return c.LPush(t.Context(), key, "x").Err() },
		"a time that nobody lives to see": func(c *redis.Client, key string) error { return c.Set(t.Context(), key, "1e300", 0).Err() },
		"not a number":                    func(c *redis.Client, key string) error { return c.Set(t.Context(), key, "nan", 0).Err() },
	} {
		t.Run("with "+name+" under the key it is deleted and counted on", func(t *testing.T) {
			client := newRedis(t)
			key := "rate:sl:spoilt:address:" + home
			must(t, spoil(client, key))
			gate := limited(deployed(t), client, "spoilt", rate)
			t.Cleanup(gate.Close)
			check(t, gate)
			if n, err := client.Exists(t.Context(), key).Result(); err != nil || n != 0 {
				t.Errorf("the key is still there: %v", err)
			}
		})
	}
	t.Run("an imitation in process counts as well", func(t *testing.T) {
		server := miniredis.RunT(t)
		gate := limited(deployed(t), dial(t, "redis://"+server.Addr()), "imitated", rate)
		t.Cleanup(gate.Close)
		check(t, gate)
		if stats := gate.Stats(); stats.Local != 0 || stats.RedisReason != "" {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("many addresses take bounded memory", func(t *testing.T) {
		gate := limited(deployed(t), nil, "many", rate)
		t.Cleanup(gate.Close)
		for i := range 60_000 {
			if _, err := gate.Admit(t.Context(), "", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), access.Read); err != nil {
				t.Fatal(err)
			}
		}
		if n := gate.Stats().Callers; n > 20_000 || n < 10_000 {
			t.Errorf("%d callers are remembered", n)
		}
	})
}

// ask asks one by one and counts the verdicts.
func ask(gate *access.Gate, times int) map[string]int {
	verdicts := map[string]int{}
	for range times {
		_, err := gate.Admit(context.Background(), "", home, access.Read)
		verdicts[verdictOf(err)]++
	}
	return verdicts
}

// BenchmarkAdmit is what the gate costs a request whose caller is known.
func BenchmarkAdmit(b *testing.B) {
	keys := openStore(b)
	key, _ := issue(b, keys, time.Now(), 0, access.Read)
	client := newRedis(b)
	plenty := access.PerMinute(1_000_000_000)
	gate := access.NewGate(access.Options{
		Keys: keys, Policy: deployed(b), Redis: client, Space: "bench",
		Rates: access.Rates{Address: plenty, Key: plenty, Query: plenty},
	})
	b.Cleanup(gate.Close)
	for name, shown := range map[string]string{"address": "", "key": key} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := gate.Stats().Leases
			for b.Loop() {
				if _, err := gate.Admit(context.Background(), shown, home, access.Read); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(gate.Stats().Leases-before)/float64(b.N), "round-trips/op")
		})
	}
	b.Run("refused", func(b *testing.B) {
		gate := limited(deployed(b), client, "refused", access.PerMinute(1))
		b.Cleanup(gate.Close)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := gate.Admit(context.Background(), "", home, access.Read); err != nil && !errors.As(err, new(*fault.Error)) {
				b.Fatal(err)
			}
		}
	})
}
