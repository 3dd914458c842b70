package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxKeys bounds a limiter's memory, whatever addresses a flood comes from.
const maxKeys = 16 << 10

// limiter lets N requests of one key pass per period, in any burst of at most
// N. A nil limiter or one of rate zero lets all pass.
type limiter struct {
	rate Rate

	mu  sync.Mutex
	due map[string]time.Time // when the key's requests so far have drained, at the even pace of the rate
}

func newLimiter(rate Rate) *limiter { return &limiter{rate: rate, due: map[string]time.Time{}} }

// take lets one request of key pass and returns 0, or returns how long to wait.
func (l *limiter) take(key string, now time.Time) (wait time.Duration) {
	if l == nil || l.rate.N <= 0 || l.rate.Per <= 0 {
		return 0
	}
	pace := l.rate.Per / time.Duration(l.rate.N)
	l.mu.Lock()
	defer l.mu.Unlock()
	due := l.due[key]
	if due.Before(now) {
		due = now
	}
	if wait = due.Add(pace).Sub(now) - l.rate.Per; wait > 0 {
		return wait
	}
	l.makeRoom(key, now)
	l.due[key] = due.Add(pace)
	return 0
}

// makeRoom forgets keys that owe nothing, and some that do if all of them do.
func (l *limiter) makeRoom(key string, now time.Time) {
	if _, known := l.due[key]; known || len(l.due) < maxKeys {
		return
	}
	for k, due := range l.due {
		if !due.After(now) {
			delete(l.due, k)
		}
	}
	for k := range l.due {
		if len(l.due) < maxKeys*7/8 { // else the next key would sweep again
			return
		}
		delete(l.due, k)
	}
}

// times is n times the rate. A location has a multiple of what one address may
// send, which its addresses share (see shares).
func (r Rate) times(n int) Rate { return Rate{N: n * r.N, Per: r.Per} }

// part is one nth of the rate, but no less than one request.
func (r Rate) part(n int) Rate { return Rate{N: max(r.N/n, min(r.N, 1)), Per: r.Per} }

// limited is the answer to who must wait.
func limited(wait time.Duration) error {
	p := tooFast
	p.RetryAfter = max(wait, time.Second)
	return &p
}

// senderOf is the address that a request is counted under: the peer's, or,
// where the peer is a trusted proxy, the last address in X-Forwarded-For that
// is not.
func senderOf(r *http.Request, trusted []netip.Prefix) string {
	addr := peerOf(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(addr, trusted) {
			break
		}
		next, err := hopOf(strings.TrimSpace(hop))
		if err != nil {
			break // what stands before it was written by nobody we trust
		}
		addr = next.Unmap()
	}
	return networkOf(addr).String()
}

// hopOf reads an address of X-Forwarded-For, to which some proxies add a port.
// Without this all that came through one of those would count as its own.
func hopOf(s string) (netip.Addr, error) {
	if hop, err := netip.ParseAddrPort(s); err == nil {
		return hop.Addr(), nil
	}
	return netip.ParseAddr(s)
}

// networkOf is what one sender has of the addresses, and so what it is counted
// under wherever it is: its IPv4 address, or the /64 of its IPv6 one, since it
// has all of that. It is the zero Prefix if addr is invalid.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.WithZone("").Prefix(bits) // fails only for what is invalid
	return network
}

func peerOf(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(host) // invalid for a unix socket: all its peers are one
	return addr.Unmap()
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}
