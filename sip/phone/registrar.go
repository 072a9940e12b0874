package phone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// binding is where an extension can be reached.
type binding struct {
	contact  sip.Uri
	path     []string // Path values as they came, to be the Route of what is sent there
	expires  time.Time
	callID   string
	sequence uint32
}

// How long a binding may be asked for, in seconds; without a wish it is the default.
const (
	defaultExpires = 3600
	maxExpires     = 86400
	maxBindings    = 10000 // extensions; a registrar for a demonstration needs an end too
)

// register takes a REGISTER, RFC 3261 §10.3 from its step 5 on: the demonstration asks nobody who they are.
func (p *PBX) register(req *sip.Request) {
	user := unescape(req.To().Address.User)
	if user == "" {
		p.answer(req, sip.StatusBadRequest, "Missing User In To")
		return
	}
	if contacts := contactsOf(req); len(contacts) > 0 { // step 5: without one it is only a question
		b, err := wanted(req, contacts)
		if err != nil {
			p.answer(req, sip.StatusBadRequest, "Bad Contact")
			return
		}
		if !p.bind(user, b) {
			p.answer(req, sip.StatusInternalServerError, "Binding Not Taken")
			return
		}
	}
	p.answerBinding(req, user)
}

// contactsOf are the Contact values, one name-addr each.
func contactsOf(req *sip.Request) []string {
	var all []string
	for _, name := range []string{"Contact", "m"} {
		for _, h := range req.GetHeaders(name) {
			all = append(all, splitAddresses(h.Value())...)
		}
	}
	return all
}

// wanted is the binding that a REGISTER asks for: the first Contact that is to stay. When none is, the binding returned
// has run out already. A phone that moved sends both, its old address with expires=0.
func wanted(req *sip.Request, contacts []string) (binding, error) {
	b := binding{callID: req.CallID().Value(), sequence: req.CSeq().SeqNo}
	for _, h := range req.GetHeaders("Path") {
		b.path = append(b.path, splitAddresses(h.Value())...)
	}
	otherwise, err := seconds(value(req, "Expires"), defaultExpires)
	if err != nil {
		return b, err
	}
	if contacts[0] == "*" { // step 6: removes everything, and only with Expires: 0
		if otherwise != 0 || len(contacts) > 1 {
			return b, errors.New("a Contact of * goes alone and with Expires 0")
		}
		return b, nil
	}
	for _, contact := range contacts {
		var params sip.HeaderParams
		b.contact = sip.Uri{}
		if _, err := sip.ParseAddressValue(contact, &b.contact, &params); err != nil {
			return b, err
		}
		if b.contact.Scheme != "sip" || b.contact.Host == "" {
			return b, errors.New("only a sip: URI can be bound")
		}
		left, err := seconds(params.GetOr("expires", ""), otherwise) // step 7: it outranks the header
		if err != nil {
			return b, err
		}
		if left > 0 {
			b.expires = time.Now().Add(time.Duration(left) * time.Second)
			return b, nil
		}
	}
	return b, nil
}

// seconds reads delta-seconds, RFC 3261 §20.19.
func seconds(text string, otherwise uint64) (uint64, error) {
	if text = strings.TrimSpace(text); text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return min(n, maxExpires), err
}

// bind takes over a binding unless a later REGISTER of the same device came first, step 7.
func (p *PBX) bind(user string, b binding) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.bindings[user]
	if known && old.callID == b.callID && old.sequence > b.sequence {
		return false
	}
	if !known && len(p.bindings) >= maxBindings {
		return false
	}
	switch {
	case b.expires.After(time.Now()):
		p.bindings[user] = b
	case b.contact.Host == "" || b.contact.String() == old.contact.String(): // another device's stays
		delete(p.bindings, user)
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return true
}

// lookup is the binding of an extension that still holds.
func (p *PBX) lookup(user string) (binding, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.bindings[unescape(user)]
	return b, ok && b.expires.After(time.Now())
}

// answerBinding is the 200 with what is bound now, step 8.
func (p *PBX) answerBinding(req *sip.Request, user string) {
	var headers []sip.Header
	if b, ok := p.lookup(user); ok {
		left := int(time.Until(b.expires).Round(time.Second).Seconds())
		headers = append(headers, sip.NewHeader("Contact", fmt.Sprintf("<%s>;expires=%d", b.contact.String(), left)))
		for _, path := range b.path { // RFC 3327 §5.3
			headers = append(headers, sip.NewHeader("Path", path))
		}
	}
	p.answer(req, sip.StatusOK, "OK", headers...)
}
