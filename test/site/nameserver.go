package site

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// NameServer answers for whatever it was told, by UDP and TCP, with authority.
type NameServer struct {
	udp, tcp *dns.Server

	mu      sync.Mutex
	records []dns.RR
	silent  bool
	broken  map[uint16]bool // kinds that it refuses with SERVFAIL
	asked   map[string]int
}

// StartNameServer listens on a free port of loopback.
func StartNameServer() (*NameServer, error) {
	at, err := FreeAddress(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenPacket("udp", at.String())
	if err != nil {
		return nil, fmt.Errorf("name server: %w", err)
	}
	tcp, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("name server: %w", err), udp.Close())
	}
	n := &NameServer{broken: map[uint16]bool{}, asked: map[string]int{}}
	n.udp = &dns.Server{PacketConn: udp, Handler: n}
	n.tcp = &dns.Server{Listener: tcp, Handler: n}
	for _, s := range []*dns.Server{n.udp, n.tcp} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { _ = s.ActivateAndServe() }() // ends with Close
		<-up
	}
	return n, nil
}

// At is where it answers.
func (n *NameServer) At() netip.AddrPort {
	return netip.MustParseAddrPort(n.tcp.Listener.Addr().String())
}

// Set makes these records all that there is, one a line as in a zone file: "sip.example. 60 IN A 192.0.2.1".
func (n *NameServer) Set(zone string) {
	var records []dns.RR
	indented := regexp.MustCompile(`(?m)^[ \t]+`) // in a zone file: of the name above
	z := dns.NewZoneParser(strings.NewReader(indented.ReplaceAllString(zone, "")), ".", "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		records = append(records, rr)
	}
	if err := z.Err(); err != nil {
		panic("the test's zone: " + err.Error())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = records
}

// Silence makes it answer nobody, or everybody again.
func (n *NameServer) Silence(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
}

// Break makes it fail for questions of one kind, such as dns.TypeNAPTR.
func (n *NameServer) Break(kind uint16) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken[kind] = true
}

// Asked is how often a question came, such as "A sip.example.".
func (n *NameServer) Asked(question string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[question]
}

// Close stops it.
func (n *NameServer) Close() error { return errors.Join(n.udp.Shutdown(), n.tcp.Shutdown()) }

// ServeDNS implements dns.Handler.
func (n *NameServer) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silent || len(m.Question) != 1 {
		return
	}
	q := m.Question[0]
	n.asked[dns.TypeToString[q.Qtype]+" "+q.Name]++
	reply := new(dns.Msg).SetReply(m)
	reply.Authoritative = true
	if n.broken[q.Qtype] {
		reply.Rcode = dns.RcodeServerFailure
	} else {
		n.answer(reply, q)
	}
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := m.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		reply.Truncate(size)
	}
	_ = w.WriteMsg(reply) // who asked may be gone
}

func (n *NameServer) answer(reply *dns.Msg, q dns.Question) {
	exists := false
	for _, rr := range n.records {
		h := rr.Header()
		if !strings.EqualFold(h.Name, q.Name) {
			continue
		}
		exists = true
		if h.Rrtype == q.Qtype || h.Rrtype == dns.TypeCNAME {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	if !exists {
		reply.Rcode = dns.RcodeNameError
	}
}
