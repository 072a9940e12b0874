package proxy

import (
	"context"
	"encoding/hex"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/identity"
	"github.com/ringfence/ringfence/sip/message"
)

// identify finds out which rep sent in and goes on with then. A peer whose reps prove who they are gets no further without
// the proof: then is not called, or later, when somebody had to be asked. Emergency calls are not held up (nor is what
// comes from no peer, or from the PBX for a phone): they go on, as nobody's.
func (p *Proxy) identify(in *inbound, then func(*Proxy, *inbound)) {
	peer := in.from.peer
	switch {
	case peer == nil || in.from.trunk != nil:
	case !peer.Identity.Proven():
		p.recognise(in, peer.Identity.Rep(in.m))
	case in.m.Method == "INVITE" && p.Gate.Read(in.uri.Scheme, string(in.uri.User), peer.Plan).Kind == gate.EmergencyCall:
	case peer.Identity.Kind == identity.Password:
		p.prove(in, then)
		return
	default:
		if p.recognise(in, p.known(in)); in.rep == "" && in.m.Method != "INVITE" { // an INVITE's refusal is the gate's to word
			p.refuse(in.tx, refusal{Status: 403, Phrase: "Unknown caller"})
			return
		}
	}
	then(p, in)
}

// recognise notes who sent in: from here on by the id that the company keeps everything under, whichever of a person's
// phones it was.
func (p *Proxy) recognise(in *inbound, wire gate.Rep) { in.rep = p.Gate.Recognise(wire) }

// known is the rep behind the connection or flow.
func (p *Proxy) known(in *inbound) gate.Rep {
	if in.from.peer.Identity.Kind == identity.Certificate {
		return identity.FromCertificate(in.tx.Source.Certificate())
	}
	return p.flows.Rep(in.tx.Origin().Flow(), in.m)
}

// prove is RFC 3261 §22.3: credentials for our realm, or a challenge. A retry with credentials is a new transaction, and
// the first one that the gate hears of.
func (p *Proxy) prove(in *inbound, then func(*Proxy, *inbound)) {
	proof := p.digest.Check(p.routing.Load().Realm, in.m, in.tx.Source.Addr())
	if proof.Outcome != identity.Undecided {
		p.proven(in, &proof, then)
		return
	}
	rc := newResponseContext(p, in.tx, in.m) // so that the caller can cancel meanwhile
	shard := in.tx.Shard
	if p.Gate.Config().Rules.Budget.Std() > p.Timers.Trying {
		shard.Start(&rc.trying, p.Timers.Trying)
	}
	p.askers.do(func() {
		proof := p.askDirectory(proof)
		shard.Do(func() {
			defer p.contain(in.tx)
			shard.Stop(&rc.trying)
			if !in.tx.Finished() { // else cancelled while we asked
				p.proven(in, &proof, then)
			}
		})
	})
}

// askDirectory waits for the registry as long as a decision may. A fault in it is this request's alone.
func (p *Proxy) askDirectory(proof identity.Proof) (decided identity.Proof) {
	defer func() {
		if v := recover(); v != nil {
			p.panicked(v)
			decided = identity.Proof{Outcome: identity.Unavailable}
		}
	}()
	bounded, cancel := context.WithTimeout(p.life, p.Gate.Config().Rules.Budget.Std())
	defer cancel()
	return p.digest.Ask(bounded, proof)
}

// proven goes on with a request whose sender is known, and answers every other one. Whoever is banned gets no answer: it
// would cost more than the question did.
func (p *Proxy) proven(in *inbound, proof *identity.Proof, then func(*Proxy, *inbound)) {
	p.Metrics.Digest(proof.Outcome.String())
	switch proof.Outcome {
	case identity.Accepted:
		p.recognise(in, proof.Rep)
		then(p, in)
		return
	case identity.Banned:
		if proof.Began {
			p.banned(in, proof)
		}
		in.tx.Abandon()
	case identity.Challenged, identity.Stale:
		p.challenge(in, proof.Outcome == identity.Stale)
	case identity.Malformed:
		p.refuse(in.tx, refusal{Status: 400, Phrase: "Unusable Proxy-Authorization"})
	case identity.Wrong:
		p.refuse(in.tx, refusal{Status: 403, Phrase: "Wrong user or password"})
	default:
		p.refuse(in.tx, in.from.peer.Mode.noYes(refusal{Status: 503, Phrase: "Password cannot be checked, try again", Headers: "Retry-After: 5\r\n"}))
	}
	if rc, ok := in.tx.Context.(*responseContext); ok {
		rc.drop()
	}
}

// challengeTag sets To-tags of challenges apart from whatever else is signed.
var challengeTag = []byte("challenge")

// challenge asks for credentials, and forgets that it did (RFC 3261 §8.2.7): whoever has no password costs no memory and
// gets one answer to each message. A request that comes again gets another challenge with the same To-tag.
func (p *Proxy) challenge(in *inbound, stale bool) {
	to := in.tx.Source
	p.Transport.Reply(to, message.AppendAnswer(nil, in.m, message.Answer{
		Status: 407, Phrase: "Proxy Authentication Required", Source: to.AddrPort,
		ToTag:   hex.EncodeToString(p.Keys.Sign(challengeTag, in.m.Via.Branch, in.m.CallID, in.m.FromTag)),
		Headers: []byte(p.digest.Challenge(p.routing.Load().Realm, to.Addr(), stale)),
	}), nil)
	p.Metrics.Response(in.m.Method, 407)
	in.tx.Abandon()
}

// banned is the one line that a ban leaves.
func (p *Proxy) banned(in *inbound, proof *identity.Proof) {
	ban := p.routing.Load().Realm.Ban
	user := proof.User
	if !p.Full && telephoneNumber(user) {
		user = gate.Mask(user)
	}
	p.Metrics.DigestBanned()
	p.Log.Warn().Str("from", in.tx.Source.Addr().String()).Str("peer", in.from.peer.Name).Str("user", user).
		Int("failures", ban.Failures).Stringer("within", ban.Within).Stringer("for", ban.For).
		Msg("a wrong password was given too often; this user is not answered to this address for a while")
}

// telephoneNumber: a user's name that may be one, since anything can be tried as a name.
func telephoneNumber(s string) bool {
	const shortest = 7 // digits
	digits := 0
	for _, c := range s {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	return digits >= shortest
}

// keepIdentities takes out of a copy what its sender may not say about who calls, and what only the gate needed to know.
func (p *Proxy) keepIdentities(e *message.Edit, m *message.Message, o *outbound) {
	if o.strip != nil {
		o.strip.Apply(e)
	}
	if o.private {
		identity.HideCaller(e, m)
	}
	if realm := p.routing.Load().Realm; realm != nil {
		identity.DropOurs(e, m, realm.Name)
	}
}

// baits says whether a final response asks the caller for a password that is not for whoever asks: for our realm, or, of a
// phone that gives us its own, for the called side's.
func (rc *responseContext) baits(b *branch) bool {
	if b.status != 401 && b.status != 407 {
		return false
	}
	r := rc.p.routing.Load()
	for _, other := range rc.branches {
		if r.Realm != nil && other.final != nil && identity.Challenges(other.final, r.Realm.Name) {
			return true
		}
	}
	caller := r.origin(rc.tx.Origin().Address)
	fromPBX := r.Extensions != nil && r.Extensions.port(b.client.To.AddrPort)
	return caller.byRep() && caller.peer.Identity.Proven() && !fromPBX
}
