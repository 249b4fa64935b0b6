package access

import (
	"net/netip"
	"strings"
)

// networkBits is how much of an IPv6 address tells one customer from another:
// providers give each at least a /64.
const networkBits = 64

// network returns what of a caller's address requests are counted by: all of an
// IPv4 address, the /64 of an IPv6 one. address is "192.0.2.1",
// "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; whatever cannot be
// read is one and the same caller, netip.Addr's zero.
func network(address string) netip.Addr {
	var ip netip.Addr
	if strings.HasPrefix(address, "[") || strings.Count(address, ":") == 1 {
		withPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return netip.Addr{}
		}
		ip = withPort.Addr()
	} else {
		var err error
		if ip, err = netip.ParseAddr(address); err != nil {
			return netip.Addr{}
		}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip
	}
	prefix, err := ip.Prefix(networkBits)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}
