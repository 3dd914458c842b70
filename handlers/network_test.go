package handlers_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestForwardedPort: a proxy that writes ports does not make all its clients one.
func TestForwardedPort(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) {
		deps.Rate = handlers.Rate{N: 1, Per: time.Hour}
		deps.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for _, tt := range []struct {
		from string
		want int
	}{
		{"192.0.2.1:5678", 401}, {"192.0.2.1:9", 429}, {"192.0.2.1", 429}, {"192.0.2.2:5678", 401},
		{"[2001:db8::1]:5678", 401}, {"2001:db8::2", 429}, {"[2001:db8:0:1::1]:5678", 401},
	} {
		if got := d.do(d.request("POST", "/webhooks/ghl", created, "X-Forwarded-For", tt.from)); got.status != tt.want {
			t.Errorf("%s: %d, want %d", tt.from, got.status, tt.want)
		}
	}
}

// dialled is a listener of connections that say they come from there.
type dialled struct{ from []string }

func (l *dialled) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, net.ErrClosed
	}
	addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(l.from[0]))
	l.from = l.from[1:]
	c, _ := net.Pipe()
	return from{c, addr}, nil
}
func (l *dialled) Close() error   { return nil }
func (l *dialled) Addr() net.Addr { return nil }

type from struct {
	net.Conn
	addr net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.addr }

// TestGuardOfOneNetwork: all of a /64 is one sender; a trusted proxy in it is not counted.
func TestGuardOfOneNetwork(t *testing.T) {
	l := handlers.Guard(&dialled{[]string{
		"[2001:db8::1]:1", "[2001:db8::f]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8::f]:2", "[2001:db8:0:1::1]:1", "192.0.2.1:1", "192.0.2.2:1",
	}}, 16, []netip.Prefix{netip.MustParsePrefix("2001:db8::f/128")})
	var got []string
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		got = append(got, c.RemoteAddr().String())
	}
	want := []string{"[2001:db8::1]:1", "[2001:db8::f]:1", "[2001:db8::2]:1", "[2001:db8::f]:2", "[2001:db8:0:1::1]:1", "192.0.2.1:1", "192.0.2.2:1"}
	if !slices.Equal(got, want) {
		t.Errorf("accepted %v, want %v", got, want)
	}
}
