package clients

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take that happens at once on an idle machine.
const patience = 15 * time.Second

// what is something that a phone shows its user.
type what string

const (
	registered   what = "registered"
	unregistered what = "not registered"
	calling      what = "rings at the other end"
	incoming     what = "a call comes in"
	up           what = "answered"
	talking      what = "both sides are heard" // linphone only
	held         what = "put on hold by the other side"
	over         what = "over"
)

type event struct {
	what   what
	detail string // why it is over, who calls
}

// client is a softphone that people use, told by commands what its user would do.
type client interface {
	dial(number string) error
	answer() error
	hangUp() error
}

// phone is a client at work, with what it has shown so far.
type phone struct {
	client
	t    *testing.T
	name string
	line line

	mu    sync.Mutex
	shown []event
	news  chan struct{} // closed when more is shown
	seen  int           // of shown, by expect
	log   string        // file with all that the program wrote
}

// line is what a phone is set up with.
type line struct {
	extension string
	transport string         // udp, tcp or tls
	at        netip.AddrPort // its SIP port
	domain    string         // the gate, as the phone's user would write it: host:port
	authority string         // PEM file
	password  string
}

func newPhone(t *testing.T, name string, l line) *phone {
	return &phone{t: t, name: name + " " + l.extension + " over " + l.transport, line: l, news: make(chan struct{}), log: filepath.Join(t.TempDir(), "log")}
}

// words is the end of what the program wrote.
func (p *phone) words() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-16<<10):])
}

// show adds to what the user has seen.
func (p *phone) show(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, e)
	close(p.news)
	p.news = make(chan struct{})
}

// expect waits until the phone shows this, with a detail that contains the text; what was shown before that is passed over.
func (p *phone) expect(w what, detail string) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		for p.seen < len(p.shown) {
			e := p.shown[p.seen]
			p.seen++
			if e.what == w && strings.Contains(e.detail, detail) {
				p.mu.Unlock()
				return
			}
		}
		shown, news := p.shown, p.news
		p.mu.Unlock()
		select {
		case <-news:
		case <-deadline:
			require.FailNow(p.t, "the phone does not show it", "%s: %s %q; it showed %q", p.name, w, detail, shown)
		}
	}
}

// forget passes over what the phone has shown so far.
func (p *phone) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = len(p.shown)
}

// does has the user do something.
func (p *phone) does(err error) {
	p.t.Helper()
	require.NoError(p.t, err, p.name)
}
