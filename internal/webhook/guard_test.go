package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/skyledger/skyledger/internal/alert"
	"github.com/skyledger/skyledger/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsPublic(t *testing.T) {
	for _, test := range []struct {
		address string
		public  bool
	}{
		{"1.1.1.1", true}, {"140.82.121.4", true}, {"2606:4700:4700::1111", true}, {"172.15.255.255", true}, {"172.32.0.0", true},
		{"0.0.0.0", false}, {"10.0.0.1", false}, {"100.64.0.1", false}, {"127.0.0.1", false}, {"127.255.255.254", false},
		{"169.254.169.254", false}, {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.168.1.1", false}, {"198.18.0.1", false},
		{"224.0.0.1", false}, {"255.255.255.255", false}, {"240.0.0.1", false}, {"192.0.2.1", false},
		{"::", false}, {"::1", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"fd00:ec2::254", false}, {"fc00::1", false}, {"ff02::1", false},
		{"fec0::1", false}, {"2001:db8::1", false}, {"2001:0:4136::1", false}, {"::7f00:1", false},
		{"::ffff:127.0.0.1", false}, {"::ffff:169.254.169.254", false}, {"::ffff:1.1.1.1", true},
		{"64:ff9b::7f00:1", false}, {"64:ff9b::a9fe:a9fe", false}, {"64:ff9b::101:101", true},
		{"2002:7f00:1::", false}, {"2002:a9fe:a9fe::", false},
	} {
		if got := Public(netip.MustParseAddr(test.address)); got != test.public {
			t.Errorf("%s: public %v", test.address, got)
		}
	}
}

// TestPrivateIsNeverPublic holds the rule against what Go's library says of
// addresses, in every form that an IPv4 address has.
func TestPrivateIsNeverPublic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var four [4]byte
		for i := range four {
			four[i] = rapid.Byte().Draw(t, "byte")
		}
		plain := netip.AddrFrom4(four)
		closed := plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()
		mapped := netip.AddrFrom16(plain.As16())
		if closed && (Public(plain) || Public(mapped)) || Public(plain) != Public(mapped) {
			t.Fatalf("%s: closed %v, public %v, mapped %v", plain, closed, Public(plain), Public(mapped))
		}
	})
}

func TestAddressesAsTheyAreSaved(t *testing.T) {
	allowed, err := ParseNetworks("10.1.0.0/16, 127.0.0.1/32")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, address string
		none, some    bool // whether it may be saved without and with networks allowed
	}{
		{"a public name", "https://example.org/alerts?token=secret", true, true},
		{"a public address", "https://1.1.1.1/x", true, true},
		{"without encryption", "http://example.org/", false, true}, // connecting finds out where it leads
		{"a public address without encryption", "http://1.1.1.1/", false, false},
		{"an allowed network", "http://10.1.2.3:8080/x", false, true},
		{"another private network", "https://10.2.0.1/", false, false},
		{"loopback that is allowed", "http://127.0.0.1/", false, true},
		{"loopback that is not", "https://127.0.0.2/", false, false},
		{"localhost", "https://localhost/", false, true},
		{"metadata", "https://169.254.169.254/latest", false, false},
		{"IPv6 loopback", "https://[::1]/", false, false},
		{"a mapped address", "https://[::ffff:169.254.169.254]/", false, false},
		{"another scheme", "file:///etc/passwd", false, false},
		{"no host", "https:///x", false, false},
		{"nothing", "", false, false},
		{"a user", "https://user:password@example.org/", false, false},
		{"a fragment", "https://example.org/#x", false, false},
		{"too long", "https://example.org/" + strings.Repeat("x", 2000), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for networks, want := range map[*Networks]bool{{}: test.none, &allowed: test.some} {
				err := networks.Check(test.address)
				if (err == nil) != want {
					t.Errorf("with %v: %v", *networks, err)
				}
				var said *fault.Error
				if errors.As(err, &said) && test.address != "" && strings.Contains(said.Message+err.Error(), test.address) {
					t.Error("the refusal repeats the address")
				}
			}
		})
	}
}

// TestConnectingChecksAgain sends to names that resolve to this machine: what a
// name leads to is known only when it is connected to.
func TestConnectingChecksAgain(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // nobody is to be asked to connect for us
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	called := 0
	count := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		called++
		w.WriteHeader(http.StatusNoContent)
	})
	plain, encrypted := httptest.NewServer(count), httptest.NewTLSServer(count)
	t.Cleanup(plain.Close)
	t.Cleanup(encrypted.Close)
	allowed, err := ParseNetworks("127.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(plain.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	byName := "http://localhost:" + port
	for _, test := range []struct {
		name, url string
		allowed   Networks
		reason    string
		called    int
	}{
		{"loopback by its address is refused", plain.URL, nil, "address_refused", 0},
		{"with encryption as well", encrypted.URL, nil, "address_refused", 0},
		{"and by a name that resolves to it", byName, nil, "address_refused", 0},
		{"an allowed network is connected to", plain.URL, allowed, "", 1},
		{"a certificate that nobody vouches for is refused", encrypted.URL, allowed, "tls", 0},
		{"a name that does not exist may exist later", "https://nowhere.invalid/", nil, "dns", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			called = 0
			client := New(Options{Allowed: test.allowed, Clock: time.Now})
			_, err := client.Sender("webhook").Send(t.Context(), alert.Target{Kind: "webhook", URL: test.url, Secret: "x"}, alert.Message{ID: "1"})
			reason := ""
			if err != nil {
				reason = fault.ReasonOf(err)
				if strings.Contains(err.Error(), test.url) {
					t.Error("the error holds the address")
				}
			}
			if reason != test.reason || called != test.called {
				t.Errorf("%q (%v), called %d times", reason, err, called)
			}
		})
	}
}
