package proxy

import (
	"context"
	"crypto/md5" //nolint:gosec // what phones do
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
)

// users is a registry's passwords. Asking waits for hold, when there is one.
type users struct {
	password map[string]string
	err      error
	hold     chan struct{}
}

func (u *users) HA1(ctx context.Context, user, realm, algorithm string) (string, bool, error) {
	if u.hold != nil {
		select {
		case <-u.hold:
		case <-ctx.Done():
			return "", false, ctx.Err()
		}
	}
	password, known := u.password[user]
	a, err := identity.ParseAlgorithm(algorithm)
	if err != nil || u.err != nil || !known {
		return "", false, errors.Join(err, u.err)
	}
	return a.HA1(user, realm, password), true, nil
}

// known is one whose users' passwords are "secret" and their name.
func known(names ...string) *users {
	u := &users{password: map[string]string{}}
	for _, n := range names {
		u.password[n] = "secret" + n
	}
	return u
}

// peersWho makes the desk a peer of this identity, and asks for passwords in the realm r.
func peersWho(t *testing.T, word string) func(*Routing) {
	source, err := identity.Parse(word)
	require.NoError(t, err)
	other, err := identity.Parse("header:X-Rep") // of a peer elsewhere
	require.NoError(t, err)
	return func(r *Routing) {
		r.Peers[0].Identity = source
		elsewhere := r.Peers[0]
		elsewhere.Name, elsewhere.Identity = "elsewhere", other
		elsewhere.From = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/24")}
		r.Peers = append(r.Peers, elsewhere)
		r.Realm = &identity.Realm{
			Name: "r", Algorithms: []identity.Algorithm{identity.SHA256, identity.MD5}, NonceLife: 5 * time.Minute,
			Ban: identity.Ban{Failures: 3, Within: 10 * time.Minute, For: time.Hour},
		}
	}
}

var nonceOf = regexp.MustCompile(`nonce="([^"]+)"`)

// credentials are what a phone answers to a challenge, by MD5: half of all phones know nothing else.
func credentials(challenge *message.Message, user, password, method, uri string) string {
	h := func(s string) string {
		sum := md5.Sum([]byte(s)) //nolint:gosec // see above
		return hex.EncodeToString(sum[:])
	}
	nonce := nonceOf.FindStringSubmatch(string(challenge.Raw))[1]
	response := h(h(user+":r:"+password) + ":" + nonce + ":00000001:c:auth:" + h(method+":"+uri))
	return fmt.Sprintf("Proxy-Authorization: Digest username=%q, realm=\"r\", nonce=%q, uri=%q, response=%q, algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\n",
		user, nonce, uri, response)
}

// call sends q and, when it is challenged, acknowledges and sends it again with the user's password.
func (w *world) call(q ask, user, password string) {
	w.t.Helper()
	if q.branch == "" {
		q.branch = "z9hG4bK-1"
	}
	if q.method == "" {
		q.method = "INVITE"
	}
	if q.uri == "" {
		q.uri = "sip:+12125550100@10.0.0.1"
	}
	w.drain(desk)
	w.ask(q)
	w.mu.Lock()
	first := w.queue[desk]
	w.mu.Unlock()
	if len(first) == 0 || first[0].Status != 407 {
		return
	}
	challenge := w.expectStatus(desk, 407)
	if q.method == "INVITE" {
		ack := q
		ack.method, ack.toTag = "ACK", string(challenge.ToTag)
		w.ask(ack)
	}
	q.more += credentials(challenge, user, password, q.method, q.uri)
	q.branch, q.cseq = q.branch+"-again", q.cseq+2
	w.ask(q)
}

const forged = "P-Asserted-Identity: <sip:300@forged>\np-asserted-identity: <sip:300@forged>\nP-Preferred-Identity: <sip:300@forged>\n" +
	"Remote-Party-ID: <sip:300@forged>;party=calling\nDiversion: <sip:300@forged>\nHistory-Info: <sip:300@forged>;index=1\nb: <sip:300@forged>\n" +
	"P-Charging-Vector: icid-value=forged\nx-rep: forged\n"

// Whatever a peer outside the trust domain says about who calls: it is decided as the rep who is known, and nobody behind
// the gate hears of it, on any way through it.
func TestForgedIdentity(t *testing.T) {
	for word, c := range map[string]struct {
		rep     gate.Rep // who is decided; "": refused
		forgery bool     // may pass: the peer is inside the trust domain
	}{
		"from":         {rep: "305"},
		"asserted":     {rep: "300", forgery: true},
		"remote_party": {rep: "300", forgery: true},
		"header:X-Who": {},
		"header:X-Rep": {rep: "forged"},
		"digest":       {rep: "201"},
		"certificate":  {},
		"flow":         {rep: "201"},
	} {
		t.Run(word, func(t *testing.T) {
			var decided []gate.Decision
			set := setUp{
				routing: peersWho(t, word), users: known("201"),
				observe: func(d gate.Decision) { decided = append(decided, d) },
				rules:   func(r *gate.Rules) { r.Owned.Action = gate.OwnedRedirect },
			}
			inWorld(t, set, func(w *world) {
				if word == "flow" {
					w.registers("201")
				}
				clean := func(m *message.Message) {
					t.Helper()
					require.NotContains(t, strings.ToLower(string(m.Raw)), "x-rep")
					require.NotContains(t, string(m.Raw), `realm="r"`)
					if !c.forgery {
						require.NotContains(t, string(m.Raw), "forged")
					}
				}
				w.call(ask{from: "305", more: forged}, "201", "secret201")
				require.Len(t, decided, 1)
				require.Equal(t, c.rep, decided[0].Call.Rep)
				if c.rep == "" {
					w.expectStatus(desk, 403)
					w.quiet(trunkA, trunkB, pbx)
					return
				}
				w.drain(desk)
				invite := w.expectMethod(trunkA, "INVITE")
				clean(invite)
				w.reply(trunkA, invite, 200, "")
				ok := w.expectStatus(desk, 200)
				q := inDialog("ACK", "z9hG4bK-ack", ok)
				q.more += forged + "Proxy-Authorization: Digest username=\"201\", realm=\"r\", nonce=\"x\"\n"
				w.ask(q)
				clean(w.expectMethod(callee, "ACK"))
				q = inDialog("INFO", "z9hG4bK-info", ok)
				q.more += forged + "Proxy-Authorization: Digest username=\"201\", realm=\"r\", nonce=\"x\"\n"
				w.ask(q)
				clean(w.expectMethod(callee, "INFO"))
				// An internal call, and one to a colleague's customer.
				w.call(ask{from: "305", callID: "2", branch: "z9hG4bK-2", uri: "sip:400@10.0.0.1", more: forged}, "201", "secret201")
				clean(w.expectMethod(pbx, "INVITE"))
				w.registry.SetOwner("+12125550107", "202", "202", time.Hour)
				w.call(ask{from: "305", callID: "3", branch: "z9hG4bK-3", uri: "sip:+12125550107@10.0.0.1", more: forged}, "201", "secret201")
				m := w.expectMethod(pbx, "INVITE")
				require.Equal(t, "sip:202@10.0.0.5:5060", string(m.Bytes(m.RequestURI)))
				clean(m)
				for i, method := range []string{"MESSAGE", "REGISTER"} {
					w.call(ask{method: method, from: "305", callID: method, branch: fmt.Sprint("z9hG4bK-4", i), uri: "sip:400@10.0.0.1", more: forged}, "201", "secret201")
					clean(w.expectMethod(pbx, method))
				}
			})
		})
	}
}

// registers has the desk's phone register as user at the PBX through the gate.
func (w *world) registers(user string) {
	w.t.Helper()
	w.ask(ask{method: "REGISTER", uri: "sip:" + user + "@10.0.0.1", from: user, callID: "reg", branch: "z9hG4bK-reg" + user})
	w.reply(pbx, w.expectMethod(pbx, "REGISTER"), 200, "Contact: <sip:"+user+"@"+desk.AddrPort.String()+">;expires=60\n")
	w.drain(desk)
}

// The retry with credentials is the first that the gate hears of: one decision, one call, at the rep whose password it was.
func TestDigestCallCountsOnce(t *testing.T) {
	var decided []gate.Decision
	inWorld(t, setUp{routing: peersWho(t, "digest"), users: known("201"), observe: func(d gate.Decision) { decided = append(decided, d) }}, func(w *world) {
		w.ask(ask{})
		challenge := w.expectStatus(desk, 407)
		require.Equal(t, 2, challenge.Count(message.ProxyAuthenticate))
		require.Empty(t, decided)
		w.drain(desk)
		w.call(ask{branch: "z9hG4bK-2"}, "201", "secret201")
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
		require.Len(t, decided, 1)
		require.Equal(t, gate.Rep("201"), decided[0].Call.Rep)
		require.Equal(t, 1, w.gate.CallsUp())
	})
}

// A challenge leaves nothing behind, and is one answer to one message: the same one's again has the same To-tag.
func TestChallengeIsStateless(t *testing.T) {
	inWorld(t, setUp{routing: peersWho(t, "digest"), users: known("201")}, func(w *world) {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			w.ask(ask{method: method})
			first := w.expectStatus(desk, 407)
			require.Zero(t, w.layer.Size())
			w.ask(ask{method: method})
			again := w.expectStatus(desk, 407)
			require.Equal(t, string(first.ToTag), string(again.ToTag))
			require.NotEqual(t, nonceOf.FindString(string(first.Raw)), nonceOf.FindString(string(again.Raw)))
			w.ask(ask{method: "ACK", toTag: string(first.ToTag)})
			w.ask(ask{method: method, branch: "z9hG4bK-other"})
			require.NotEqual(t, string(first.ToTag), string(w.expectStatus(desk, 407).ToTag))
		}
		time.Sleep(time.Minute)
		w.quiet(desk, trunkA, trunkB, pbx)
	})
}

// An emergency call is let out at once, whoever rings and however: no challenge, no registry.
func TestEmergencyIsNeverChallenged(t *testing.T) {
	for _, word := range []string{"digest", "certificate", "flow"} {
		inWorld(t, setUp{routing: peersWho(t, word), users: &users{err: errors.New("away")}}, func(w *world) {
			for i, uri := range []string{"sip:911@10.0.0.1", "urn:service:sos"} {
				w.ask(ask{uri: uri, callID: fmt.Sprint(i), branch: fmt.Sprint("z9hG4bK-", i)})
				w.expectStatus(desk, 100)
				w.expectMethod(trunkA, "INVITE")
			}
		})
	}
}

// What a digest peer may send without a password: REGISTER, which is the PBX's to challenge, and what belongs to a dialog
// that was signed. Everything else is challenged, and a To-tag of one's own making is no dialog.
func TestWhatIsChallenged(t *testing.T) {
	for name, q := range map[string]ask{
		"MESSAGE":          {method: "MESSAGE", uri: "sip:400@10.0.0.1"},
		"SUBSCRIBE":        {method: "SUBSCRIBE", uri: "sip:400@10.0.0.1"},
		"OPTIONS":          {method: "OPTIONS", uri: "sip:400@10.0.0.1"},
		"INVITE":           {},
		"INVITE, forged":   {toTag: "forged"},
		"BYE, forged":      {method: "BYE", toTag: "forged", uri: "sip:400@10.0.0.5:5060"},
		"INFO, forged":     {method: "INFO", toTag: "forged", uri: "sip:400@10.0.0.5:5060"},
		"REFER, forged":    {method: "REFER", toTag: "forged", more: "Refer-To: <sip:+12125550100@10.0.0.1>\n"},
		"internal, INVITE": {uri: "sip:400@10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setUp{routing: peersWho(t, "digest"), users: known("201")}, func(w *world) {
				w.ask(q)
				w.expectStatus(desk, 407)
				w.quiet(trunkA, trunkB, pbx)
			})
		})
	}
	inWorld(t, setUp{routing: peersWho(t, "digest"), users: known("201")}, func(w *world) {
		w.ask(ask{method: "REGISTER", uri: "sip:10.0.0.1"})
		w.expectMethod(pbx, "REGISTER")
		w.call(ask{branch: "z9hG4bK-2"}, "201", "secret201")
		w.expectStatus(desk, 100)
		invite := w.expectMethod(trunkA, "INVITE")
		w.reply(trunkA, invite, 200, "")
		ok := w.expectStatus(desk, 200)
		for i, method := range []string{"ACK", "INFO", "INVITE", "BYE"} {
			w.ask(inDialog(method, fmt.Sprint("z9hG4bK-d", i), ok))
			w.expectMethod(callee, method)
		}
	})
}

// A token kept after the call rings nobody who may not be rung, though the rep of a signed dialog is not asked for.
func TestKeptTokenOfUnprovenRep(t *testing.T) {
	for _, word := range []string{"digest", "flow"} {
		inWorld(t, setUp{routing: peersWho(t, word), users: known("201")}, func(w *world) {
			w.registers("201")
			w.call(ask{branch: "z9hG4bK-2"}, "201", "secret201")
			w.expectStatus(desk, 100)
			w.reply(trunkA, w.expectMethod(trunkA, "INVITE"), 200, "")
			ok := w.expectStatus(desk, 200)
			w.ask(inDialog("BYE", "z9hG4bK-bye", ok))
			w.reply(callee, w.expectMethod(callee, "BYE"), 200, "")
			time.Sleep(2 * time.Minute) // over, and no longer registered
			w.drain(desk)
			w.ask(inDialog("INVITE", "z9hG4bK-re", ok))
			w.expectMethod(callee, "INVITE")
			w.registry.AddDNC("+12125550100", "company")
			w.drain(desk)
			w.ask(inDialog("INVITE", "z9hG4bK-again", ok))
			w.expectStatus(desk, 403)
			w.quiet(callee, trunkA)
		})
	}
}

// A registry that is away: nobody who is in it can be known, and is told so, not that the password was wrong.
func TestDigestWithoutRegistry(t *testing.T) {
	inWorld(t, setUp{routing: peersWho(t, "digest"), users: &users{err: errors.New("away")}}, func(w *world) {
		w.call(ask{}, "201", "secret201")
		m := w.expectStatus(desk, 503)
		_, retry := m.GetName("Retry-After")
		require.True(t, retry)
		w.quiet(trunkA, trunkB)
	})
}

// A caller who gives up while the password is looked up is answered 487, and nothing goes out when the answer comes.
func TestCancelWhilePasswordIsAsked(t *testing.T) {
	u := known("201")
	var decided []gate.Decision
	set := setUp{
		routing: peersWho(t, "digest"), users: u, rules: func(r *gate.Rules) { r.Budget = gate.Duration(time.Second) },
		observe: func(d gate.Decision) { decided = append(decided, d) },
	}
	inWorld(t, set, func(w *world) {
		u.hold = make(chan struct{}) // of this bubble
		w.call(ask{}, "201", "secret201")
		w.quiet(desk)
		time.Sleep(200 * time.Millisecond)
		w.expectStatus(desk, 100)
		w.ask(ask{method: "CANCEL", branch: "z9hG4bK-1-again"})
		w.expectStatus(desk, 200)
		w.expectStatus(desk, 487)
		close(u.hold)
		w.quiet(trunkA, trunkB, desk)
		require.Empty(t, decided)
	})
}

// A banned user gets no byte, and leaves nothing behind.
func TestBannedGetNothing(t *testing.T) {
	inWorld(t, setUp{routing: peersWho(t, "digest"), users: known("201")}, func(w *world) {
		for i := range 3 {
			w.call(ask{callID: fmt.Sprint(i), branch: fmt.Sprint("z9hG4bK-", i)}, "201", "guess")
			if i < 2 {
				w.expectStatus(desk, 403)
				w.ask(ask{method: "ACK", callID: fmt.Sprint(i), branch: fmt.Sprint("z9hG4bK-", i, "-again")})
			}
		}
		w.quiet(desk)
		time.Sleep(40 * time.Second)
		w.drain(desk)
		require.Zero(t, w.layer.Size())
		for i := range 5 {
			w.ask(ask{callID: "again", branch: fmt.Sprint("z9hG4bK-x", i)})
		}
		w.quiet(desk)
		require.Zero(t, w.layer.Size())
		w.ask(ask{uri: "sip:911@10.0.0.1", branch: "z9hG4bK-911"})
		w.expectStatus(desk, 100)
		w.expectMethod(trunkA, "INVITE")
		time.Sleep(time.Hour)
		w.drain(desk)
		w.call(ask{callID: "later", branch: "z9hG4bK-y"}, "201", "secret201")
		w.expectStatus(desk, 100)
	})
}

// A flow is who registered over it, whatever port a Via names, until the registration ends.
func TestFlow(t *testing.T) {
	var decided []gate.Decision
	inWorld(t, setUp{routing: peersWho(t, "flow"), observe: func(d gate.Decision) { decided = append(decided, d) }}, func(w *world) {
		w.ask(ask{})
		w.expectStatus(desk, 403)
		w.registers("201")
		// From a neighbour's port, with a Via that names the registered one and no rport.
		neighbour := at("udp", "10.0.0.9:6666")
		text := strings.Replace(ask{callID: "2", branch: "z9hG4bK-2"}.text(), ";rport", "", 1)
		w.deliver(neighbour, text)
		w.expectStatus(desk, 403)
		w.ask(ask{method: "MESSAGE", uri: "sip:400@10.0.0.1", source: neighbour, branch: "z9hG4bK-3"})
		w.expectStatus(neighbour, 403)
		w.ask(ask{callID: "4", branch: "z9hG4bK-4", from: "305"})
		w.expectStatus(desk, 100)
		require.Equal(t, gate.Rep("201"), decided[len(decided)-1].Call.Rep)
		time.Sleep(time.Minute)
		w.drain(desk)
		w.ask(ask{callID: "5", branch: "z9hG4bK-5"})
		w.expectStatus(desk, 403)
	})
}

// The called side never gets a phone's password out of it (a challenge is not passed on), and nobody gets one for our realm.
// The PBX's own challenges pass, and a trunk's to a PBX.
func TestChallengesFromBehind(t *testing.T) {
	const foreign, ours = "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n\"\n", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\n"
	for _, c := range []struct {
		identity, from, challenge string
		status                    int
	}{
		{"digest", "trunk", foreign, 403},
		{"flow", "trunk", foreign, 403},
		{"from", "trunk", foreign, 407},
		{"asserted", "trunk", foreign, 407},
		{"from", "trunk", ours, 403},
		{"digest", "pbx", foreign, 407},
		{"digest", "pbx", ours, 403},
	} {
		inWorld(t, setUp{routing: peersWho(t, c.identity), users: known("201")}, func(w *world) {
			q, to := ask{more: "P-Asserted-Identity: <sip:201@pbx>\n"}, trunkA
			if c.from == "pbx" {
				q.uri, to = "sip:400@10.0.0.1", pbx
			}
			if c.identity == "flow" {
				w.registers("201")
			}
			w.call(q, "201", "secret201")
			w.expectStatus(desk, 100)
			w.reply(to, w.expectMethod(to, "INVITE"), 407, c.challenge)
			m := w.next(desk)
			require.Equal(t, c.status, m.Status, "%+v", c)
			require.Equal(t, c.status == 407, m.Count(message.ProxyAuthenticate) > 0)
		})
	}
}

// RFC 3325: a caller who wants privacy is not named outside the trust domain, but to an emergency service.
func TestPrivacy(t *testing.T) {
	named := func(m *message.Message) bool { return m.Count(message.PAssertedIdentity) > 0 }
	for _, trusted := range []bool{false, true} {
		trunks := func(r *Routing) {
			peersWho(t, "asserted")(r)
			r.Trunks[0].Trusted = trusted
		}
		inWorld(t, setUp{routing: trunks}, func(w *world) {
			for i, q := range []ask{
				{more: "P-Asserted-Identity: <sip:201@pbx>\n"},
				{more: "P-Asserted-Identity: <sip:201@pbx>\nPrivacy: id\n", uri: "sip:+12125550101@10.0.0.1"},
				{more: "P-Asserted-Identity: <sip:201@pbx>\nPrivacy: id\n", uri: "sip:911@10.0.0.1"},
			} {
				q.callID, q.branch = fmt.Sprint(i), fmt.Sprint("z9hG4bK-", i)
				w.ask(q)
				require.Equal(t, i != 1 || trusted, named(w.expectMethod(trunkA, "INVITE")), i)
			}
			w.ask(ask{callID: "x", branch: "z9hG4bK-x", uri: "sip:400@10.0.0.1", more: "P-Asserted-Identity: <sip:201@pbx>\nPrivacy: id\n"})
			require.True(t, named(w.expectMethod(pbx, "INVITE")), "the PBX is inside")
		})
	}
}
