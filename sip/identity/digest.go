package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// Realm is what digest peers' users are asked for: the configuration, made ready. It is never changed, only replaced.
type Realm struct {
	Name       string
	Algorithms []Algorithm // strongest first
	NonceLife  time.Duration
	Users      Users // of the users file; may be empty
	Ban        Ban
}

// Digest is the server's side of RFC 7616 and RFC 8760 for a proxy: qop=auth always, a nonce that any gate of the same
// keys accepts, counts that are never taken twice here.
//
// Known and unknown users take the same way and get the same answer: whoever is not in the users file, or has another
// password there, is asked for in the directory once, and compared with something either way.
type Digest struct {
	signer    Signer
	directory Directory // nil when there is none
	now       func() time.Time
	replays   replays
	guesses   guesses
	nobody    string // stands for the HA1 of who has none
}

// NewDigest makes one. directory may be nil.
func NewDigest(signer Signer, directory Directory, now func() time.Time) *Digest {
	d := &Digest{signer: signer, directory: directory, now: now}
	d.replays.init(now(), maxNonces)
	d.guesses.init(maxGuesses)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	d.nobody = hex.EncodeToString(secret)
	return d
}

// Outcome is what became of a request's credentials.
type Outcome uint8

// The outcomes.
const (
	Undecided   Outcome = iota // Ask has to be called
	Accepted                   // Proof.Rep is who sent the request
	Challenged                 // there were none
	Stale                      // there were some, for a nonce that does not count any more or twice
	Malformed                  // they cannot be read
	Wrong                      // another password, or nobody of that name
	Banned                     // they were wrong too often
	Unavailable                // the directory does not answer, and the users file does not know them
	outcomeCount
)

var outcomeNames = [outcomeCount]string{
	"undecided", "accepted", "challenged", "stale", "malformed", "wrong", "banned", "unavailable",
}

func (o Outcome) String() string { return outcomeNames[o] }

// Proof is one request's credentials on their way through Check and Ask.
type Proof struct {
	Outcome Outcome
	Rep     gate.Rep // Accepted only
	User    string   // who they say they are
	Began   bool     // Banned: by this very request

	realm       *Realm
	source      netip.Addr
	credentials credentials
	algorithm   Algorithm
	nonce       nonce
	count       uint32
	method      string
}

// Check looks at the credentials of m as far as nobody needs to be asked.
func (d *Digest) Check(r *Realm, m *message.Message, source netip.Addr) Proof {
	p := Proof{realm: r, source: source, method: m.Method}
	c, present, err := find(m, r.Name)
	switch {
	case err != nil:
		p.Outcome = Malformed
		return p
	case !present:
		return d.challenge(p, m)
	}
	p.credentials, p.User = c, unquoted(c.username)
	if d.guesses.banned(source, p.User, d.now()) {
		p.Outcome = Banned
		return p
	}
	if p.Outcome = p.read(d, m); p.Outcome != Undecided {
		return p
	}
	ha1, known := r.Users.ha1(p.User, p.algorithm)
	if d.matches(&p, ha1, known) {
		return d.accept(p)
	}
	if d.directory == nil {
		return d.fail(p)
	}
	return p
}

// challenge is what a request without credentials gets. Nobody believes From, but who is banned under that name gets
// nothing, not even a challenge.
func (d *Digest) challenge(p Proof, m *message.Message) Proof {
	from, _ := m.Get(message.From)
	p.Outcome = Challenged
	if d.guesses.banned(p.source, string(user(from)), d.now()) {
		p.Outcome = Banned
	}
	return p
}

// read looks at everything but the password.
func (p *Proof) read(d *Digest, m *message.Message) Outcome {
	c := &p.credentials
	count, err := strconv.ParseUint(c.nc, 16, 32)
	p.count = uint32(count)
	switch {
	case p.User == "" || len(p.User) > MaxUser || !printable(p.User), len(c.nc) != 8 || err != nil,
		!strings.EqualFold(c.qop, "auth"), c.cnonce == "", c.userhash != "" && !strings.EqualFold(c.userhash, "false"):
		return Malformed
	case !sameURI(unquoted(c.uri), m.Bytes(m.RequestURI)):
		return Malformed // RFC 7616 §3.4.6: credentials for another request
	}
	var offered bool
	if p.algorithm, offered = p.realm.offers(c.algorithm); !offered {
		return Challenged
	}
	var ours bool
	p.nonce, ours = parseNonce(c.nonce, d.signer, p.realm.Name, p.source)
	if !ours || d.replays.stale(p.nonce, p.realm.NonceLife, d.now()) {
		return Stale
	}
	return Undecided
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// offers finds the algorithm that credentials name; none is MD5 (RFC 7616 §3.4).
func (r *Realm) offers(name string) (Algorithm, bool) {
	a := MD5
	if name != "" {
		var err error
		if a, err = ParseAlgorithm(name); err != nil {
			return a, false
		}
	}
	return a, slices.Contains(r.Algorithms, a)
}

// sameURI holds the digest-uri to the Request-URI (RFC 3261 §22.4-5): the same bytes, or a SIP URI of the same scheme,
// user, host and port. Phones leave out parameters here; those decide nothing at this gate.
func sameURI(digest string, request []byte) bool {
	if digest == string(request) {
		return true
	}
	a, errA := message.ParseURI([]byte(digest))
	b, errB := message.ParseURI(request)
	if errA != nil || errB != nil || a.Scheme != b.Scheme || a.Scheme != "sip" && a.Scheme != "sips" {
		return false
	}
	return string(a.User) == string(b.User) && strings.EqualFold(string(a.Host), string(b.Host)) && a.Port == b.Port
}

// matches compares the response with the one that ha1 would make (RFC 7616 §3.4.1), in the same time whoever asks.
func (d *Digest) matches(p *Proof, ha1 string, known bool) bool {
	if !known {
		ha1 = d.nobody
	}
	c, a := &p.credentials, p.algorithm
	want := a.hash(ha1, c.nonce, c.nc, c.cnonce, c.qop, a.hash(p.method, c.uri))
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.response))) == 1
	return same && known
}

// Ask asks the directory about the user of an undecided proof, and decides it. It waits as long as ctx lets it.
func (d *Digest) Ask(ctx context.Context, p Proof) Proof {
	ha1, known, err := d.directory.HA1(ctx, p.User, p.realm.Name, p.algorithm.String())
	right := d.matches(&p, ha1, known)
	switch {
	case err != nil:
		p.Outcome = Unavailable
		return p
	case right:
		return d.accept(p)
	}
	return d.fail(p)
}

// accept takes the count. Only the right password uses one up, so that nobody can spoil somebody else's.
func (d *Digest) accept(p Proof) Proof {
	p.Outcome = Stale
	if d.replays.take(p.nonce, p.count, p.realm.NonceLife, d.now()) {
		p.Outcome, p.Rep = Accepted, gate.Rep(p.User)
	}
	return p
}

func (d *Digest) fail(p Proof) Proof {
	p.Outcome = Wrong
	if d.guesses.failed(p.source, p.User, p.realm.Ban, d.now()) {
		p.Outcome, p.Began = Banned, true
	}
	return p
}

// Challenge is the Proxy-Authenticate lines for a request from source: one for each algorithm, strongest first, since a
// client answers the topmost that it knows (RFC 8760 §2.4).
func (d *Digest) Challenge(r *Realm, source netip.Addr, stale bool) string {
	nonce := newNonce(d.now()).signed(d.signer, r.Name, source)
	var b strings.Builder
	for _, a := range r.Algorithms {
		b.WriteString(`Proxy-Authenticate: Digest realm="` + r.Name + `", nonce="` + nonce + `", algorithm=` + a.String() + `, qop="auth"`)
		if stale {
			b.WriteString(", stale=true")
		}
		b.WriteString("\r\n")
	}
	return b.String()
}
