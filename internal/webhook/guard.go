package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/skyledger/skyledger/internal/fault"
)

// Networks are the addresses, beside public ones, that may be connected to: none
// unless the deployment says so.
type Networks []netip.Prefix

// ParseNetworks reads networks separated by commas, such as 10.1.0.0/16.
func ParseNetworks(text string) (Networks, error) {
	var networks Networks
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is no network such as 10.1.0.0/16", part)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

func (n Networks) holds(address netip.Addr) bool {
	for _, network := range n {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// special are the networks that are not the internet, of IANA's registries of
// special-purpose addresses (RFC 6890 and after): private, shared, loopback,
// link-local with the clouds' metadata, benchmarks, documentation, multicast and
// reserved. IPv6 outside of 2000::/3 is never the internet.
func special() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

// Public reports whether an address is one of the internet's, itself and in what
// it is translated to: an IPv6 address may be nothing but a way to an IPv4 one.
func Public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if inner, wrapped := wrappedIPv4(address); wrapped {
		return Public(inner)
	}
	if !address.IsValid() || address.Is6() && !netip.MustParsePrefix("2000::/3").Contains(address) {
		return false
	}
	return !Networks(special()).holds(address)
}

// wrappedIPv4 is the address that NAT64 (RFC 6052) and 6to4 (RFC 3056) carry.
func wrappedIPv4(address netip.Addr) (netip.Addr, bool) {
	if !address.Is6() {
		return netip.Addr{}, false
	}
	bytes := address.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(address):
		return netip.AddrFrom4([4]byte(bytes[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(address):
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	}
	return netip.Addr{}, false
}

// errRefused is why a connection was not made.
var errRefused = errors.New("the address is not one that may be connected to")

// guard is a dialer's Control: it is asked about the address that is connected
// to, after the name was resolved and whatever it resolved to before. Without
// encryption the internet is not connected to at all.
type guard struct {
	allowed   Networks
	encrypted bool
}

func (g guard) control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	if g.allows(target.Addr()) {
		return nil
	}
	return errRefused
}

func (g guard) allows(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return g.allowed.holds(address) || g.encrypted && Public(address)
}

// Check says what is wrong with an address that messages are to go to, as far as
// that shows without asking anybody: fault.Invalid, with a message that does not
// hold it. Connecting checks again.
func (n Networks) Check(address string) error {
	parsed, err := url.Parse(address)
	const longest = 2000
	switch {
	case err != nil || parsed.Host == "" || parsed.Hostname() == "" || len(address) > longest || parsed.Opaque != "":
		return refuse("url", "A receiver's url is an address such as https://example.org/alerts.")
	case parsed.User != nil || parsed.Fragment != "":
		return refuse("url", "A receiver's url has neither a user nor a fragment.")
	case parsed.Scheme != "https" && (parsed.Scheme != "http" || len(n) == 0):
		return refuse("url", "A receiver's url begins with https://; http:// is for networks that ALERT_NETWORKS allows.")
	}
	host := parsed.Hostname()
	if name := strings.TrimSuffix(strings.ToLower(host), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return nil
	}
	literal, _ := netip.AddrFromSlice(ip)
	if !(guard{allowed: n, encrypted: parsed.Scheme == "https"}).allows(literal) {
		return refuse("url", "The receiver's url leads to a private, local or reserved address; ALERT_NETWORKS says which of these may be told.")
	}
	return nil
}

func refuse(reason, message string) error {
	return fault.E("webhook.Check", fault.Invalid, reason, nil).WithMessage(message)
}
