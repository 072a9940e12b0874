package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/test/site"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// all is everything that there is to speak.
var all = []string{"udp", "tcp", "tls", "ws", "wss"}

// asking is a resolver that asks a name server with this zone.
func asking(t *testing.T, zone string, change func(*Config)) (*Resolver, *site.NameServer) {
	t.Helper()
	n, err := site.StartNameServer()
	require.NoError(t, err)
	n.Set(zone)
	c := Config{
		Servers: []netip.AddrPort{n.At()}, Transports: []string{"udp", "tcp"}, Families: []Family{IPv4, IPv6},
		ResolvConf: filepath.Join(t.TempDir(), "none"), Hosts: filepath.Join(t.TempDir(), "none"),
	}
	if change != nil {
		change(&c)
	}
	life, stop := context.WithCancel(t.Context())
	t.Cleanup(func() { stop(); require.NoError(t, n.Close()) })
	return New(life, c), n
}

// text is an answer in a line: "0 udp 192.0.2.1:5060 x1, …".
func (a Answer) text() string {
	var hops []string
	for _, h := range a.Hops {
		hops = append(hops, fmt.Sprintf("%d %s %v x%d", h.Rank, h.Transport, h.AddrPort, h.Weight))
	}
	return strings.Join(hops, ", ")
}

// full is a name with everything: NAPTR for three services, SRV and addresses behind each, and addresses of its own.
const full = `
full.example.             60 IN NAPTR 20 10 "s" "SIP+D2U"  "" _sip._udp.full.example.
full.example.             60 IN NAPTR 10 20 "s" "SIP+D2T"  "" _sip._tcp.full.example.
full.example.             60 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.elsewhere.example.
full.example.             60 IN NAPTR 1  1  "s" "E2U+sip"  "" _enum.full.example.
full.example.             60 IN A     192.0.2.100
_sip._udp.full.example.   60 IN SRV   0 0 5070 u.full.example.
_sip._tcp.full.example.   60 IN SRV   0 0 5071 t.full.example.
_sips._tcp.elsewhere.example. 60 IN SRV 0 0 5072 s.full.example.
u.full.example.           60 IN A     192.0.2.1
t.full.example.           60 IN A     192.0.2.2
s.full.example.           60 IN A     192.0.2.3
`

// RFC 3263 §4.1 and §4.2, case by case.
func TestLocate(t *testing.T) {
	const srv = `
		_sip._tcp.srv.example.  60 IN SRV 10 60 5080 a.srv.example.
		_sip._tcp.srv.example.  60 IN SRV 10 0  5080 b.srv.example.
		_sip._tcp.srv.example.  60 IN SRV 5  1  5080 c.srv.example.
		_sips._tcp.srv.example. 60 IN SRV 0  0  5081 c.srv.example.
		a.srv.example.          60 IN A   192.0.2.1
		b.srv.example.          60 IN A   192.0.2.2
		c.srv.example.          60 IN A   192.0.2.3
		c.srv.example.          60 IN AAAA 2001:db8::3
		srv.example.            60 IN A   192.0.2.100
	`
	for name, c := range map[string]struct {
		zone   string
		q      Query
		speaks []string
		want   string // empty: nothing is found
	}{
		"literal address":                 {"", Query{Host: "192.0.2.7"}, nil, "0 udp 192.0.2.7:5060 x1"},
		"literal address, port":           {"", Query{Host: "192.0.2.7", Port: 5099, Transport: "tcp"}, nil, "0 tcp 192.0.2.7:5099 x1"},
		"literal IPv6 address, tls":       {"", Query{Host: "2001:db8::7", Transport: "tls"}, all, "0 tls [2001:db8::7]:5061 x1"},
		"literal address, sips":           {"", Query{Host: "192.0.2.7", Secure: true}, all, "0 tls 192.0.2.7:5061 x1"},
		"literal address, sips over tcp":  {"", Query{Host: "192.0.2.7", Secure: true, Transport: "tcp"}, all, "0 tls 192.0.2.7:5061 x1"},
		"NAPTR: order, then preference":   {full, Query{Host: "full.example"}, all, "0 tls 192.0.2.3:5072 x1"},
		"NAPTR: what we do not speak":     {full, Query{Host: "full.example"}, []string{"udp", "tcp"}, "0 tcp 192.0.2.2:5071 x1"},
		"NAPTR: UDP only":                 {full, Query{Host: "full.example"}, []string{"udp"}, "0 udp 192.0.2.1:5070 x1"},
		"NAPTR: sips takes no less":       {full, Query{Host: "full.example", Secure: true}, all, "0 tls 192.0.2.3:5072 x1"},
		"transport named: no NAPTR":       {full, Query{Host: "full.example", Transport: "udp"}, all, "0 udp 192.0.2.1:5070 x1"},
		"port named: neither":             {full, Query{Host: "full.example", Port: 5060}, all, "0 udp 192.0.2.100:5060 x1"},
		"port and transport named":        {full, Query{Host: "full.example", Port: 5062, Transport: "tcp"}, all, "0 tcp 192.0.2.100:5062 x1"},
		"SRV: priority, weight, family":   {srv, Query{Host: "srv.example", Transport: "tcp"}, nil, "0 tcp 192.0.2.3:5080 x1000, 1 tcp [2001:db8::3]:5080 x1000, 2 tcp 192.0.2.1:5080 x60000, 2 tcp 192.0.2.2:5080 x1"},
		"SRV without NAPTR: as we prefer": {srv, Query{Host: "srv.example"}, []string{"udp", "tls", "tcp"}, "0 tls 192.0.2.3:5081 x1, 1 tls [2001:db8::3]:5081 x1"},
		"SRV: transport=tls asks _sips":   {srv, Query{Host: "srv.example", Transport: "tls"}, all, "0 tls 192.0.2.3:5081 x1, 1 tls [2001:db8::3]:5081 x1"},
		"no SRV: the name's own":          {"plain.example. 60 IN A 192.0.2.9\nplain.example. 60 IN A 192.0.2.8", Query{Host: "plain.example"}, nil, "0 udp 192.0.2.8:5060 x1, 0 udp 192.0.2.9:5060 x1"},
		"no SRV: tls has its own port":    {"plain.example. 60 IN A 192.0.2.9", Query{Host: "plain.example", Transport: "tls"}, all, "0 tls 192.0.2.9:5061 x1"},
		"SRV says: no such service": {
			"_sip._udp.none.example. 60 IN SRV 0 0 0 .\n_sip._tcp.none.example. 60 IN SRV 0 0 5060 a.none.example.\na.none.example. 60 IN A 192.0.2.4",
			Query{Host: "none.example"},
			nil, "0 tcp 192.0.2.4:5060 x1",
		},
		"SRV says: no service at all": {"_sip._udp.none.example. 60 IN SRV 0 0 5060 .\nnone.example. 60 IN A 192.0.2.66", Query{Host: "none.example"}, nil, ""},
		"SRV leads nowhere":           {"_sip._udp.none.example. 60 IN SRV 0 0 5060 x.none.example.\nnone.example. 60 IN A 192.0.2.66", Query{Host: "none.example"}, nil, ""},
		"aliases": {
			"alias.example. 60 IN CNAME other.example.\nother.example. 60 IN CNAME third.example.\nthird.example. 60 IN A 192.0.2.5",
			Query{Host: "alias.example", Port: 5060},
			nil, "0 udp 192.0.2.5:5060 x1",
		},
		"aliases in a circle":         {"a.example. 60 IN CNAME b.example.\nb.example. 60 IN CNAME a.example.", Query{Host: "a.example", Port: 5060}, nil, ""},
		"in any case":                 {full, Query{Host: "FULL.Example", Port: 1}, nil, "0 udp 192.0.2.100:1 x1"},
		"absent":                      {full, Query{Host: "absent.example"}, nil, ""},
		"exists without an address":   {"mx.example. 60 IN MX 1 mail.example.", Query{Host: "mx.example"}, nil, ""},
		"addresses nobody can be at":  {"zero.example. 60 IN A 0.0.0.0\nzero.example. 60 IN A 224.0.0.1", Query{Host: "zero.example"}, nil, ""},
		"a transport we do not speak": {full, Query{Host: "full.example", Transport: "tls"}, []string{"udp"}, ""},
		"no name at all":              {full, Query{Host: strings.Repeat("x", 300)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := asking(t, c.zone, func(cfg *Config) {
				if c.speaks != nil {
					cfg.Transports = c.speaks
				}
			})
			a, err := r.Locate(t.Context(), c.q)
			require.Equal(t, c.want, a.text())
			if c.want == "" {
				require.ErrorIs(t, err, ErrAbsent)
				return
			}
			require.NoError(t, err)
		})
	}
}

// Records that do not fit a datagram come by TCP, and no more of them are used than a call could ever try.
func TestLargeAnswer(t *testing.T) {
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "large.example. 60 IN A 192.0.2.%d\n", i+1)
	}
	r, n := asking(t, zone.String(), nil)
	a, err := r.Locate(t.Context(), Query{Host: "large.example", Port: 5060})
	require.NoError(t, err)
	require.Len(t, a.Hops, maxHops)
	require.Equal(t, 2, n.Asked("A large.example."), "by UDP and then by TCP")
}

// An answer holds as long as the shortest of its records says, within bounds, and is not asked for again before.
func TestLife(t *testing.T) {
	for name, c := range map[string]struct {
		srv, a int
		want   time.Duration
	}{
		"the shortest counts": {300, 60, time.Minute},
		"floor":               {300, 0, 5 * time.Second},
		"ceiling":             {1 << 20, 1 << 20, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			r, n := asking(t, fmt.Sprintf("_sip._udp.a.example. %d IN SRV 0 0 5060 b.example.\nb.example. %d IN A 192.0.2.1", c.srv, c.a), nil)
			for range 3 {
				a, err := r.Locate(t.Context(), Query{Host: "a.example", Transport: "udp"})
				require.NoError(t, err)
				require.LessOrEqual(t, a.Life, c.want)
				require.Greater(t, a.Life, c.want-4*time.Second)
			}
			require.Equal(t, 1, n.Asked("A b.example."))
		})
	}
}

// What was known once goes on being used while no name server answers, and is renewed when one does.
func TestNameServerDies(t *testing.T) {
	r, n := asking(t, "a.example. 60 IN A 192.0.2.1", func(c *Config) { c.MinTTL, c.MaxTTL = time.Millisecond, time.Millisecond })
	q := Query{Host: "a.example", Port: 5060}
	_, err := r.Locate(t.Context(), q)
	require.NoError(t, err)
	n.Silence(true)
	require.Eventually(t, func() bool {
		a, err := r.Locate(t.Context(), q)
		require.Equal(t, "0 udp 192.0.2.1:5060 x1", a.text())
		return err != nil
	}, 10*time.Second, time.Millisecond)
	n.Set("a.example. 60 IN A 192.0.2.2")
	n.Silence(false)
	require.Eventually(t, func() bool {
		a, err := r.Locate(t.Context(), q)
		return err == nil && a.text() == "0 udp 192.0.2.2:5060 x1"
	}, 10*time.Second, time.Millisecond)
}

// A failure is not an absence: with the SRV records out of reach, the name's own address would be the wrong machine.
func TestFailureIsNotAbsence(t *testing.T) {
	for _, kind := range []uint16{dns.TypeNAPTR, dns.TypeSRV, dns.TypeA} {
		r, n := asking(t, full, nil)
		n.Break(kind)
		a, err := r.Locate(t.Context(), Query{Host: "full.example"})
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrAbsent)
		require.Empty(t, a.Hops)
	}
}

// The second name server answers when the first does not.
func TestSecondNameServer(t *testing.T) {
	dead, err := site.StartNameServer()
	require.NoError(t, err)
	dead.Silence(true)
	defer func() { require.NoError(t, dead.Close()) }()
	r, _ := asking(t, "a.example. 60 IN A 192.0.2.1", func(c *Config) { c.Servers = append([]netip.AddrPort{dead.At()}, c.Servers...) })
	r.Families = []Family{IPv4}
	a, err := r.Locate(t.Context(), Query{Host: "a.example", Port: 5060})
	require.NoError(t, err)
	require.Equal(t, "0 udp 192.0.2.1:5060 x1", a.text())
}

// An answer to a question that was not asked is none, whoever sends it.
func TestAnswerToAnotherQuestion(t *testing.T) {
	r, n := asking(t, "", nil)
	liar := &dns.Server{Addr: "127.0.0.1:0", Net: "udp", Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		reply := new(dns.Msg).SetReply(m)
		reply.Question[0].Name = "other.example."
		a, err := dns.NewRR("a.example. 60 IN A 192.0.2.66")
		require.NoError(t, err)
		reply.Answer = []dns.RR{a}
		_ = w.WriteMsg(reply)
	})}
	up := make(chan struct{})
	liar.NotifyStartedFunc = func() { close(up) }
	go func() { _ = liar.ListenAndServe() }()
	<-up
	defer func() { require.NoError(t, liar.Shutdown()) }()
	r.Servers = []netip.AddrPort{netip.MustParseAddrPort(liar.PacketConn.LocalAddr().String())}
	_, err := r.Locate(t.Context(), Query{Host: "a.example", Port: 5060})
	require.ErrorContains(t, err, "another question")
	n.Set("a.example. 60 IN A 192.0.2.1")
	r.Servers = append(r.Servers, n.At())
	a, err := r.Locate(t.Context(), Query{Host: "a.example", Port: 5061})
	require.NoError(t, err)
	require.Equal(t, "0 udp 192.0.2.1:5061 x1", a.text())
}

// Records of other names in an answer are not taken for the name's own.
func TestForeignRecords(t *testing.T) {
	zone := []string{"a.example. 60 IN A 192.0.2.1", "b.example. 60 IN A 192.0.2.66", "a.example. 60 IN TXT x"}
	var answer []dns.RR
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		require.NoError(t, err)
		answer = append(answer, rr)
	}
	seconds := ^uint32(0)
	found, alias := followed(answer, "a.example.", dns.TypeA, &seconds)
	require.Len(t, found, 1)
	require.Equal(t, "a.example.", alias)
	require.EqualValues(t, 60, seconds)

	var circle []dns.RR
	for _, line := range []string{"a.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME a.example."} {
		rr, err := dns.NewRR(line)
		require.NoError(t, err)
		circle = append(circle, rr)
	}
	found, _ = followed(circle, "a.example.", dns.TypeA, &seconds)
	require.Empty(t, found, "and it ends")
}

// A domain that says it has no such service is believed, and the root of all names is not asked for an address.
func TestNoSuchService(t *testing.T) {
	r, n := asking(t, "_sip._udp.none.example. 60 IN SRV 0 0 5060 .", nil)
	_, err := r.Locate(t.Context(), Query{Host: "none.example", Transport: "udp"})
	require.ErrorIs(t, err, ErrAbsent)
	require.Zero(t, n.Asked("A ."))
}

// One server's address cannot be had: the others are used, and the missing one is asked for soon.
func TestPartlyFound(t *testing.T) {
	r, n := asking(t, "_sip._udp.a.example. 600 IN SRV 0 0 5060 b.example.\n_sip._udp.a.example. 600 IN SRV 0 0 5060 c.example.\n"+
		"b.example. 600 IN A 192.0.2.1\nc.example. 600 IN AAAA 2001:db8::1", nil)
	n.Break(dns.TypeAAAA)
	a, err := r.Locate(t.Context(), Query{Host: "a.example", Transport: "udp"})
	require.NoError(t, err)
	require.Equal(t, "0 udp 192.0.2.1:5060 x1", a.text())
	require.Equal(t, r.MinTTL, a.Life)
}

// resolv.conf names the servers and the search list; a name in the hosts file asks nobody.
func TestSystemFiles(t *testing.T) {
	r, n := asking(t, "pbx.office.example. 60 IN A 192.0.2.1", nil)
	require.NoError(t, os.WriteFile(r.ResolvConf, []byte("nameserver 192.0.2.254\nsearch nowhere.example office.example\n"), 0o600))
	a, err := r.Locate(t.Context(), Query{Host: "pbx", Port: 5060})
	require.NoError(t, err)
	require.Equal(t, "0 udp 192.0.2.1:5060 x1", a.text())

	require.NoError(t, os.WriteFile(r.Hosts, []byte("# ours\n192.0.2.9\tsbc.example SBC # and more\n::1 ip6\n"), 0o600))
	n.Silence(true)
	for host, want := range map[string]string{"sbc": "0 udp 192.0.2.9:5060 x1", "sbc.example.": "0 udp 192.0.2.9:5060 x1", "ip6": "0 udp [::1]:5060 x1"} {
		a, err = r.Locate(t.Context(), Query{Host: host})
		require.NoError(t, err)
		require.Equal(t, want, a.text())
	}
	r.Servers = nil
	require.NoError(t, os.WriteFile(r.ResolvConf, []byte("options ndots:1\n"), 0o600))
	_, err = r.Locate(t.Context(), Query{Host: "other.example"})
	require.ErrorContains(t, err, "names no name server")
}

// Whose names are looked up may be a stranger's choice: what is remembered is bounded.
func TestMemoryIsBounded(t *testing.T) {
	r := New(t.Context(), Config{})
	for i := range maxNames + 100 {
		r.remember(Query{Host: fmt.Sprint(i)}, Answer{}, ErrAbsent)
	}
	require.Len(t, r.known, maxNames)
}
