// Package race puts the question that the product was born from to the built program: many reps, three gates, one
// customer, one instant. Exactly one call may go out.
package race

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

var (
	rounds = flag.Int("rounds", 500, "numbers that are raced for")
	reps   = flag.Int("reps", 50, "reps at each gate")
)

const gates = 3

// TestOneOfAll: in each round every rep at every gate dials the same free number behind a barrier.
func TestOneOfAll(t *testing.T) {
	dir := t.TempDir()
	binary, err := site.Build(t.Context(), dir)
	require.NoError(t, err)
	redis, err := site.StartRedis(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = redis.Stop(10 * time.Second) })
	trunk := listen(t, "127.0.0.2:0")
	var phones []*rep
	for range gates {
		at, err := site.FreeAddress(netip.MustParseAddr("127.0.0.1"))
		require.NoError(t, err)
		gate, err := site.Ringfence{Binary: binary, Redis: redis}.StartGate(t.Context(), site.Plan{
			Gate: at, Phones: netip.MustParsePrefix("127.0.0.5/32"), PBX: netip.MustParseAddrPort("127.0.0.4:5060"),
			Trunks: []site.Trunk{{At: address(trunk), Protocol: site.UDP}}, Dir: filepath.Join(t.TempDir()),
			Budget: time.Second, Limits: "queue_delay: off", // a machine that is busy with something else must not turn the race into an outage
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, gate.Stop()) })
		for range *reps {
			phones = append(phones, &rep{id: fmt.Sprint(201 + len(phones)), socket: listen(t, "127.0.0.5:0"), gate: net.UDPAddrFromAddrPort(at)})
		}
	}
	outside := watch(trunk)
	for round := range *rounds {
		number := fmt.Sprintf("+1212%07d", 2_000_000+round)
		through, statuses := race(phones, outside, number, round)
		require.Equal(t, 1, through, "round %d: calls that went out, of %v", round, statuses)
		require.Equal(t, gates**reps-1, statuses[403], "round %d: %v", round, statuses)
	}
	require.Equal(t, *rounds, outside.rung(), "calls that rang at the trunk")
}

// patience is how long a round may take before the trunk's phone stops ringing, whoever has not been answered.
const patience = 10 * time.Second

// race lets all reps dial at once and counts what they were told: 486 is the trunk's own answer, so that call went out.
// It rings until everybody else has been answered: a number that is free again too early would be raced for twice.
func race(phones []*rep, outside *outside, number string, round int) (through int, statuses map[int]int) {
	barrier := make(chan struct{})
	answers := make(chan int, len(phones))
	for _, p := range phones {
		go func() {
			<-barrier
			answers <- p.dial(number, round)
		}()
	}
	close(barrier)
	statuses = map[int]int{}
	late := time.After(patience)
	for left := len(phones); left > 0; {
		select {
		case status := <-answers:
			statuses[status]++
			if left--; left == 1 {
				outside.hangUp()
			}
		case <-late:
			outside.hangUp()
		}
	}
	return statuses[486], statuses
}

// rep is a phone of the smallest kind: one INVITE, its final response, the ACK.
type rep struct {
	id     string
	socket *net.UDPConn
	gate   *net.UDPAddr
}

// dial returns the status of the final response; 0 when none came.
func (r *rep) dial(number string, round int) int {
	message := func(method string) []byte {
		return fmt.Appendf(nil, "%[1]s sip:%[2]s@gate SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;rport;branch=z9hG4bK-%[4]s-%[5]d\r\n"+
			"From: <sip:%[4]s@gate>;tag=%[5]d\r\nTo: <sip:%[2]s@gate>\r\nCall-ID: %[4]s-%[5]d\r\nCSeq: 1 %[1]s\r\nMax-Forwards: 70\r\n"+
			"Contact: <sip:%[4]s@%[3]s>\r\nContent-Length: 0\r\n\r\n", method, number, r.socket.LocalAddr(), r.id, round)
	}
	buf := make([]byte, 4096)
	for range 20 { // an INVITE that the machine lost is sent again
		if _, err := r.socket.WriteTo(message("INVITE"), r.gate); err != nil {
			return 0
		}
		deadline := time.Now().Add(time.Second)
		for {
			_ = r.socket.SetReadDeadline(deadline)
			n, err := r.socket.Read(buf)
			if err != nil {
				break
			}
			var status int
			if _, err := fmt.Sscanf(string(buf[:n]), "SIP/2.0 %d", &status); err != nil || status < 200 {
				continue
			}
			if !bytes.Contains(buf[:n], fmt.Appendf(nil, "Call-ID: %s-%d\r\n", r.id, round)) {
				continue // an answer of an earlier round, sent again
			}
			_, _ = r.socket.WriteTo(message("ACK"), r.gate)
			return status
		}
	}
	return 0
}

// outside is what stands behind the trunk: it lets calls ring until hangUp.
type outside struct {
	trunk *net.UDPConn

	mu      sync.Mutex
	ringing map[string]func() // by Call-ID: how to answer it busy
	calls   int
}

func watch(trunk *net.UDPConn) *outside {
	o := &outside{trunk: trunk, ringing: map[string]func(){}}
	go func() {
		buf := make([]byte, 8192)
		for {
			n, from, err := trunk.ReadFrom(buf)
			if err != nil {
				return
			}
			if lines, ok := bytes.CutPrefix(buf[:n], []byte("INVITE ")); ok {
				o.ring(bytes.Clone(lines), from)
			}
		}
	}()
	return o
}

func (o *outside) ring(invite []byte, from net.Addr) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := callID.FindString(string(invite))
	if _, again := o.ringing[id]; !again {
		o.calls++
	}
	o.ringing[id] = func() { _, _ = o.trunk.WriteTo(response("486 Busy Here", invite), from) }
	_, _ = o.trunk.WriteTo(response("180 Ringing", invite), from)
}

func (o *outside) hangUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, answer := range o.ringing {
		answer()
		delete(o.ringing, id)
	}
}

// rung counts the calls that came so far.
func (o *outside) rung() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

var callID = regexp.MustCompile(`Call-ID: [^\r]*`)

// response answers a request that has these lines.
func response(status string, request []byte) []byte {
	answer := []byte("SIP/2.0 " + status + "\r\n")
	for line := range bytes.SplitSeq(request, []byte("\r\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "Via", "From", "Call-ID", "CSeq":
			answer = append(append(answer, line...), "\r\n"...)
		case "To":
			answer = append(append(answer, line...), ";tag=outside\r\n"...)
		}
	}
	return append(answer, "Content-Length: 0\r\n\r\n"...)
}

func listen(t *testing.T, at string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenPacket("udp", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UDPConn)
}

func address(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
