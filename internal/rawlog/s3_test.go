package rawlog

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/skyledger/skyledger/internal/fault"
)

func TestS3(t *testing.T) {
	t.Run("puts each record as one object under the prefix, by time", func(t *testing.T) {
		b, storage := newBucket(t)
		add(t, open(t, storage, Options{}), take(newNetwork(5, 1), 2)...)
		for _, key := range []string{
			"some/prefix/loose/2024-11-21T12/1732190415000000.frame",
			"some/prefix/loose/2024-11-21T12/1732190430000000.frame",
		} {
			if len(b.objects[key]) == 0 {
				t.Errorf("no object %s", key)
			}
		}
		if len(b.objects) != 2 {
			t.Errorf("%d objects", len(b.objects))
		}
	})
	t.Run("appends to a running hour with one request", func(t *testing.T) {
		b, storage := newBucket(t)
		l := open(t, storage, Options{Clock: func() time.Time { return start.Add(time.Minute) }})
		add(t, l, take(newNetwork(5, 1), 3)...)
		if b.counts[http.MethodPut] != 3 || b.counts[http.MethodGet] != 0 {
			t.Errorf("requests: %v", b.counts)
		}
	})
	t.Run("refuses the second record of a moment, whoever it comes from", func(t *testing.T) {
		_, storage := newBucket(t)
		running := Options{Clock: func() time.Time { return start.Add(time.Minute) }}
		one, two := open(t, storage, running), open(t, storage, running)
		records := take(newNetwork(5, 1), 2)
		add(t, one, records[0])
		again := records[1]
		again.At = records[0].At
		entry, appended, err := two.Append(t.Context(), again)
		newest, _, _ := one.Newest(t.Context())
		if err != nil || appended || entry != newest {
			t.Errorf("Append = %v, %v, %v", entry, appended, err)
		}
		equal(t, records[:1], all(t, two))
	})
	t.Run("does not double a late record whose hour is packed", func(t *testing.T) {
		b, storage := newBucket(t)
		records := take(newNetwork(5, 1), 5)
		l := open(t, storage, Options{})
		add(t, l, records...)
		if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
			t.Fatal(err)
		}
		_, appended, err := open(t, storage, Options{}).Append(t.Context(), records[2])
		if appended || err != nil || len(b.objects) != 1 {
			t.Errorf("Append = %v, %v; %d objects", appended, err, len(b.objects))
		}
	})
	t.Run("leaves an hour alone that another process packed meanwhile", func(t *testing.T) {
		b, storage := newBucket(t)
		records := take(newNetwork(5, 1), 6)
		slow, quick := open(t, storage, Options{}), open(t, storage, Options{})
		add(t, slow, records[:5]...)
		interfered := false
		b.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, packedEnd) && !interfered {
				interfered = true
				b.mu.Unlock()
				defer b.mu.Lock()
				add(t, quick, records[5])
				if _, err := quick.Compact(context.Background(), longAfter(), 0); err != nil {
					t.Error(err)
				}
			}
			return false
		}
		_, err := slow.Compact(t.Context(), longAfter(), 0)
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("Compact: %v", err)
		}
		equal(t, records, all(t, open(t, storage, Options{})))
	})
	t.Run("tells a damaged object", func(t *testing.T) {
		b, storage := newBucket(t)
		records := take(newNetwork(5, 1), 4)
		l := open(t, storage, Options{})
		add(t, l, records...)
		b.objects["some/prefix/"+singleName(records[2].At)][3] ^= 1
		want := append(records[:2:2], records[3])
		fresh := open(t, storage, Options{})
		equal(t, want, all(t, fresh))
		if entries, err := fresh.Entries(t.Context(), time.Time{}, endOfTime); err != nil || len(entries) != 3 {
			t.Errorf("%d entries, %v", len(entries), err)
		}
		if _, err := fresh.Compact(t.Context(), longAfter(), 0); err != nil {
			t.Fatal(err)
		}
		equal(t, want, all(t, open(t, storage, Options{})))
	})
}

func TestS3Faults(t *testing.T) {
	for _, test := range []struct {
		status       int
		code, reason string
		class        fault.Class
	}{
		{503, "SlowDown", "s3_SlowDown", fault.Throttled},
		{429, "TooManyRequests", "s3_TooManyRequests", fault.Throttled},
		{500, "InternalError", "s3_InternalError", fault.Upstream},
		{409, "ConditionalRequestConflict", "s3_ConditionalRequestConflict", fault.Unavailable},
		{403, "AccessDenied", "s3_AccessDenied", fault.Unavailable},
		{404, "NoSuchBucket", "s3_NoSuchBucket", fault.Unavailable},
	} {
		t.Run(test.code+" is "+string(test.class), func(t *testing.T) {
			b, storage := newBucket(t)
			b.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				refuse(w, test.status, test.code)
				return true
			}
			l := open(t, storage, Options{})
			record := newNetwork(5, 1).record()
			_, _, appendErr := l.Append(t.Context(), record)
			_, readErr := l.At(t.Context(), record.At)
			for _, err := range []error{appendErr, readErr} {
				if !fault.Is(err, test.class) || fault.ReasonOf(err) != test.reason {
					t.Errorf("got %v", err)
				}
			}
			b.mu.Lock()
			b.answer = nil
			b.mu.Unlock()
			add(t, l, record)
			equal(t, []Record{record}, all(t, l))
		})
	}
	t.Run("a refused read is not taken for damage", func(t *testing.T) {
		b, storage := newBucket(t)
		record := newNetwork(5, 1).record()
		add(t, open(t, storage, Options{}), record)
		b.answer = func(w http.ResponseWriter, r *http.Request) bool {
			object := r.Method == http.MethodGet && r.URL.Query().Get("list-type") == ""
			if object {
				refuse(w, http.StatusForbidden, "AccessDenied")
			}
			return object
		}
		l := open(t, storage, Options{})
		if _, err := l.At(t.Context(), record.At); !fault.Is(err, fault.Unavailable) {
			t.Errorf("At: %v", err)
		}
		for _, err := range l.Range(t.Context(), time.Time{}, endOfTime) {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("Range: %v", err)
			}
		}
	})
	t.Run("nobody listening is unavailable", func(t *testing.T) {
		l := open(t, NewS3(clientOf(t, "http://127.0.0.1:1"), "bucket", ""), Options{})
		if _, _, err := l.Append(t.Context(), newNetwork(5, 1).record()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Append: %v", err)
		}
	})
	t.Run("a deadline that passes is a timeout", func(t *testing.T) {
		b, storage := newBucket(t)
		done := make(chan struct{})
		b.answer = func(http.ResponseWriter, *http.Request) bool { <-done; return true }
		defer close(done)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := open(t, storage, Options{}).At(ctx, start); !fault.Is(err, fault.Timeout) {
			t.Errorf("At: %v", err)
		}
	})
}

// TestS3Service runs against the S3 of AWS_ENDPOINT_URL_S3 when one is given.
func TestS3Service(t *testing.T) {
	address := os.Getenv("AWS_ENDPOINT_URL_S3")
	if address == "" {
		t.Log("AWS_ENDPOINT_URL_S3 is not set: the log was tried against the tests' own S3 only")
		return
	}
	client := clientOf(t, address)
	name := "skyledger-log-" + time.Now().UTC().Format("20060102150405")
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	storage := NewS3(client, name, "log")
	l := open(t, storage, Options{})
	records := take(newNetwork(20, 1), 30)
	add(t, l, records[:25]...)
	if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
		t.Fatal(err)
	}
	add(t, l, records[25:]...)
	equal(t, records, all(t, open(t, storage, Options{})))
	if _, err := l.Compact(t.Context(), longAfter(), 0); err != nil {
		t.Fatal(err)
	}
	equal(t, records, all(t, open(t, storage, Options{})))
	if _, appended, err := l.Append(t.Context(), records[3]); appended || err != nil {
		t.Errorf("Append again = %v, %v", appended, err)
	}
	if _, err := l.Remove(t.Context(), longAfter(), 0); err != nil || len(all(t, l)) != 0 {
		t.Errorf("Remove: %v", err)
	}
}
