package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// signer is what two gates share.
type signer string

func (s signer) Sign(parts ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte(s))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)[:12]
}

func (s signer) Verify(mac []byte, parts ...[]byte) bool { return hmac.Equal(mac, s.Sign(parts...)) }

// directory is a registry; asked counts the questions.
type directory struct {
	users map[string]string // password by user
	err   error
	asked int
}

func (d *directory) HA1(_ context.Context, user, realm, algorithm string) (string, bool, error) {
	d.asked++
	password, known := d.users[user]
	if d.err != nil || !known {
		return "", false, d.err
	}
	a, err := ParseAlgorithm(algorithm)
	return a.HA1(user, realm, password), true, err
}

var phone = netip.MustParseAddr("10.0.0.9")

// stand is a Digest on a clock of the test's, with one user in a file and one in the directory.
type stand struct {
	t         *testing.T
	now       time.Time
	realm     *Realm
	digest    *Digest
	directory *directory
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, now: time.UnixMicro(1_800_000_000_000_000), directory: &directory{users: map[string]string{"202": "second"}}}
	users, err := ParseUsers([]byte("201:r:"+MD5.HA1("201", "r", "first")+"\n201:r:SHA-256:"+SHA256.HA1("201", "r", "first")), "r")
	require.NoError(t, err)
	s.realm = &Realm{
		Name: "r", Algorithms: []Algorithm{SHA256, MD5}, NonceLife: 5 * time.Minute, Users: users,
		Ban: Ban{Failures: 3, Within: time.Minute, For: time.Hour},
	}
	s.digest = s.gate("key")
	return s
}

// gate is another gate with its own memory; it began a second ago.
func (s *stand) gate(key string) *Digest {
	d := NewDigest(signer(key), s.directory, func() time.Time { return s.now })
	d.replays.init(s.now.Add(-time.Second), maxNonces)
	return d
}

// answer is a client's: credentials for a challenge.
type answer struct {
	user, password, nonce string
	algorithm             Algorithm
	nc                    int
	uri                   string
}

func (a answer) header() string {
	if a.nc == 0 {
		a.nc = 1
	}
	if a.uri == "" {
		a.uri = "sip:1@gate"
	}
	nc := fmt.Sprintf("%08x", a.nc)
	response := a.algorithm.hash(a.algorithm.HA1(a.user, "r", a.password), a.nonce, nc, "c", "auth", a.algorithm.hash("INVITE", a.uri))
	return fmt.Sprintf("Proxy-Authorization: Digest username=%q, realm=\"r\", nonce=%q, uri=%q, response=%q, algorithm=%v, cnonce=\"c\", qop=auth, nc=%s\n",
		a.user, a.nonce, a.uri, response, a.algorithm, nc)
}

const fromLine = "From: <sip:999@pbx>;tag=a\n"

// try has d look at a request with these credentials, and ask the directory when it must.
func (s *stand) try(d *Digest, source netip.Addr, headers string) Proof {
	if !strings.Contains(headers, "From:") {
		headers = fromLine + headers
	}
	p := d.Check(s.realm, request(s.t, headers), source)
	if p.Outcome == Undecided {
		p = d.Ask(s.t.Context(), p)
	}
	return p
}

var nonceOf = regexp.MustCompile(`nonce="([^"]+)"`)

func (s *stand) nonce(d *Digest, source netip.Addr) string {
	return nonceOf.FindStringSubmatch(d.Challenge(s.realm, source, false))[1]
}

func TestDigest(t *testing.T) {
	s := newStand(t)
	require.Equal(t, Challenged, s.try(s.digest, phone, "").Outcome)
	challenge := s.digest.Challenge(s.realm, phone, false)
	lines := strings.Split(strings.TrimSpace(challenge), "\r\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "algorithm=SHA-256", "the strongest comes first")
	require.Contains(t, lines[1], "algorithm=MD5")
	require.Contains(t, s.digest.Challenge(s.realm, phone, true), "stale=true")
	for _, a := range []Algorithm{SHA256, MD5} {
		for user, password := range map[string]string{"201": "first", "202": "second"} {
			p := s.try(s.digest, phone, answer{user: user, password: password, nonce: s.nonce(s.digest, phone), algorithm: a}.header())
			require.Equal(t, Accepted, p.Outcome, "%s %v", user, a)
			require.Equal(t, gate.Rep(user), p.Rep)
		}
	}
}

// What is wrong with credentials, and what becomes of them. Everything but the row's own change is right.
func TestDigestRefuses(t *testing.T) {
	replace := func(old, with string) func(string) string {
		return func(h string) string { return strings.Replace(h, old, with, 1) }
	}
	for name, c := range map[string]struct {
		change func(string) string
		want   Outcome
	}{
		"nothing":                  {func(h string) string { return h }, Accepted},
		"names in any case":        {replace("username=", "UserName="), Accepted},
		"blanks and folds":         {replace("Digest ", "digest \n  "), Accepted},
		"qop quoted":               {replace("qop=auth", `qop="auth"`), Accepted},
		"what nobody knows":        {replace("qop=auth", `qop=auth, opaque="x", more=y`), Accepted},
		"another user's":           {replace(`"201"`, `"202"`), Wrong},
		"nobody's":                 {replace(`"201"`, `"203"`), Wrong},
		"another response":         {replace(`response="`, `response="0`), Wrong},
		"another cnonce":           {replace(`cnonce="c"`, `cnonce="d"`), Wrong},
		"another algorithm":        {replace("algorithm=SHA-256", "algorithm=MD5"), Wrong},
		"an algorithm not offered": {replace("algorithm=SHA-256", "algorithm=SHA-512-256"), Challenged},
		"session algorithm":        {replace("algorithm=SHA-256", "algorithm=SHA-256-sess"), Challenged},
		"no qop":                   {replace(", qop=auth", ""), Malformed},
		"qop auth-int":             {replace("qop=auth", "qop=auth-int"), Malformed},
		"no cnonce":                {replace(`cnonce="c", `, ""), Malformed},
		"no nc":                    {replace(", nc=00000001", ""), Malformed},
		"short nc":                 {replace("nc=00000001", "nc=1"), Malformed},
		"no user":                  {replace(`"201"`, `""`), Malformed},
		"a user with a blank":      {replace(`"201"`, `"2 1"`), Malformed},
		"userhash":                 {replace("qop=auth", "qop=auth, userhash=true"), Malformed},
		"another uri":              {replace(`uri="sip:1@gate"`, `uri="sip:2@gate"`), Malformed},
		"another host":             {replace(`uri="sip:1@gate"`, `uri="sip:1@other"`), Malformed},
		"a parameter twice":        {replace("qop=auth", `qop=auth, USERNAME="201"`), Malformed},
		"an unknown one twice":     {replace("qop=auth", `qop=auth, x=1, X=2`), Malformed},
		"an open quote":            {replace("qop=auth", `qop="auth`), Malformed},
		"no comma":                 {replace(", cnonce", " cnonce"), Malformed},
		"ours twice":               {func(h string) string { return h + h }, Malformed},
		"another realm's":          {replace(`realm="r"`, `realm="pbx"`), Challenged},
		"another scheme":           {replace("Digest ", "Basic "), Challenged},
		"another realm's first":    {func(h string) string { return strings.Replace(h, `realm="r"`, `realm="pbx"`, 1) + h }, Accepted},
		"an invented nonce":        {replace(`nonce="`, `nonce="AAAA`), Stale},
		"a nonce cut short":        {func(h string) string { return nonceOf.ReplaceAllString(h, `nonce="AAAA"`) }, Stale},
		"nc 0":                     {replace("nc=00000001", "nc=00000000"), Wrong},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			right := answer{user: "201", password: "first", nonce: s.nonce(s.digest, phone)}.header()
			require.Equal(t, c.want, s.try(s.digest, phone, c.change(right)).Outcome)
		})
	}
}

// The digest-uri may lack parameters of the Request-URI, and nothing else.
func TestDigestURI(t *testing.T) {
	for _, c := range []struct {
		digest, request string
		same            bool
	}{
		{"sip:1@gate", "sip:1@gate", true},
		{"sip:1@GATE", "sip:1@gate;user=phone", true},
		{"sip:1@gate:5060", "sip:1@gate", false},
		{"sip:1@gate", "sips:1@gate", false},
		{"sip:1@gate", "sip:1;phone-context=x@gate", false},
		{"tel:+1", "tel:+1;isub=2", false},
		{"tel:+1", "tel:+1", true},
		{"", "sip:1@gate", false},
		{"*", "sip:1@gate", false},
	} {
		require.Equal(t, c.same, sameURI(c.digest, []byte(c.request)), "%s %s", c.digest, c.request)
	}
}

// A nonce is any gate's that holds the key, until it is too old; and nobody's from another address.
func TestNonceTravels(t *testing.T) {
	s := newStand(t)
	other, stranger := s.gate("key"), s.gate("another key")
	nonce := s.nonce(s.digest, phone)
	header := answer{user: "201", password: "first", nonce: nonce}.header()
	require.Equal(t, Accepted, s.try(other, phone, header).Outcome)
	require.Equal(t, Stale, s.try(stranger, phone, header).Outcome)
	require.Equal(t, Stale, s.try(s.digest, netip.MustParseAddr("10.0.0.8"), header).Outcome)
	s.now = s.now.Add(5*time.Minute + time.Microsecond)
	require.Equal(t, Stale, s.try(s.digest, phone, header).Outcome)
	nonce = s.nonce(s.digest, phone)
	s.now = s.now.Add(time.Microsecond)
	restarted := NewDigest(signer("key"), nil, func() time.Time { return s.now.Add(time.Microsecond) })
	s.now = s.now.Add(time.Second)
	require.Equal(t, Accepted, s.try(restarted, phone, answer{user: "201", password: "first", nonce: s.nonce(s.digest, phone)}.header()).Outcome)
	require.Equal(t, Stale, s.try(restarted, phone, answer{user: "201", password: "first", nonce: nonce}.header()).Outcome,
		"what was used before a restart is not known any more")
	v6, neighbour := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1")
	require.Equal(t, Accepted, s.try(s.digest, neighbour, answer{user: "201", password: "first", nonce: s.nonce(s.digest, v6)}.header()).Outcome)
}

// A count is taken once, in any order; a wrong password takes none.
func TestReplay(t *testing.T) {
	s := newStand(t)
	nonce := s.nonce(s.digest, phone)
	try := func(nc int, password string) Outcome {
		return s.try(s.digest, phone, answer{user: "201", password: password, nonce: nonce, nc: nc}.header()).Outcome
	}
	require.Equal(t, Wrong, try(1, "guess"))
	for _, nc := range []int{1, 3, 2, 70} {
		require.Equal(t, Accepted, try(nc, "first"), nc)
		require.Equal(t, Stale, try(nc, "first"), nc)
	}
	require.Equal(t, Stale, try(5, "first"), "too far behind to be known")
	require.Equal(t, Accepted, try(7, "first"))
}

// Memory is bounded, and what is forgotten is refused: no count is ever taken twice.
func TestReplaysBounded(t *testing.T) {
	start := time.UnixMicro(1_800_000_000_000_000)
	var r replays
	r.init(start.Add(-time.Hour), 1000)
	taken := map[nonce]bool{}
	now := start
	for range 5000 {
		n := newNonce(now)
		require.True(t, r.take(n, 1, time.Hour, now))
		taken[n] = true
		now = now.Add(100 * time.Millisecond)
		require.LessOrEqual(t, r.count, 1000)
	}
	for n := range taken {
		require.False(t, r.take(n, 1, time.Hour, now))
	}
	require.True(t, r.take(newNonce(now), 1, time.Hour, now))
	r.take(newNonce(now.Add(2*time.Hour)), 1, time.Hour, now.Add(2*time.Hour))
	require.LessOrEqual(t, r.count, 1, "expired ones are forgotten")
}

// Known and unknown users, in the file or in the directory or in none: a wrong password takes one and the same way.
func TestUnknownUsersTakeTheSameWay(t *testing.T) {
	for _, away := range []error{nil, errors.New("away")} {
		for _, user := range []string{"201", "202", "nobody"} {
			s := newStand(t)
			s.directory.err = away
			p := s.try(s.digest, phone, answer{user: user, password: "guess", nonce: s.nonce(s.digest, phone)}.header())
			want := Wrong
			if away != nil {
				want = Unavailable
			}
			require.Equal(t, want, p.Outcome, user)
			require.Equal(t, 1, s.directory.asked, user)
		}
	}
	s := newStand(t)
	s.directory.err = errors.New("away")
	require.Equal(t, Accepted, s.try(s.digest, phone, answer{user: "201", password: "first", nonce: s.nonce(s.digest, phone)}.header()).Outcome,
		"the users file needs nobody")
}

// Too many wrong passwords of one user from one address: that pair gets nothing more, whatever it brings, until the ban
// ends. Others do.
func TestBan(t *testing.T) {
	s := newStand(t)
	try := func(source netip.Addr, user, password string) Proof {
		return s.try(s.digest, source, answer{user: user, password: password, nonce: s.nonce(s.digest, source)}.header())
	}
	require.Equal(t, Wrong, try(phone, "201", "a").Outcome)
	s.now = s.now.Add(2 * time.Minute) // beyond Within: begins anew
	require.Equal(t, Wrong, try(phone, "201", "b").Outcome)
	require.Equal(t, Wrong, try(phone, "201", "c").Outcome)
	third := try(phone, "201", "d")
	require.Equal(t, Banned, third.Outcome)
	require.True(t, third.Began)
	again := try(phone, "201", "first")
	require.Equal(t, Banned, again.Outcome, "even the right one")
	require.False(t, again.Began)
	require.Equal(t, Banned, s.try(s.digest, phone, "From: <sip:201@pbx>;tag=a\n").Outcome, "no challenge either")
	require.Equal(t, Challenged, s.try(s.digest, phone, "").Outcome)
	require.Equal(t, Accepted, try(phone, "202", "second").Outcome, "another user of that address")
	require.Equal(t, Accepted, try(netip.MustParseAddr("10.0.0.8"), "201", "first").Outcome, "that user elsewhere")
	s.now = s.now.Add(time.Hour)
	require.Equal(t, Accepted, try(phone, "201", "first").Outcome, "bans end by themselves")
}

// A source that tries many users is held as one beyond the 256th, and neither it nor many sources fill the memory.
func TestGuessesBounded(t *testing.T) {
	ban := Ban{Failures: 20, Within: time.Minute, For: time.Hour}
	now := time.UnixMicro(1_800_000_000_000_000)
	var g guesses
	g.init(2000)
	began := 0
	for i := range 1000 {
		if g.failed(phone, fmt.Sprint("user", i), ban, now) {
			began++
		}
	}
	require.Equal(t, 1, began)
	require.LessOrEqual(t, len(g.known), maxGuessedUsers+1)
	require.True(t, g.banned(phone, "never tried", now))
	require.False(t, g.banned(phone, "user0", now), "one of the first, and not tried often")
	for i := range 10_000 {
		g.failed(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), "201", ban, now)
		require.LessOrEqual(t, len(g.known), 2000)
	}
	now = now.Add(2 * time.Hour)
	g.failed(phone, "201", ban, now)
	require.Len(t, g.known, 1)
	require.Len(t, g.bySource, 1)
}
