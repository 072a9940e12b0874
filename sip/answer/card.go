package answer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Card is who to ask about a refused call: the jCard (RFC 7095) that profile 608 points to (RFC 8688 §3.2).
type Card struct {
	URL            string `yaml:"url"`             // https address where callers fetch the signed card; goes into Call-Info
	KeyFile        string `yaml:"key_file"`        // P-256 private key, PEM: the gate signs and serves the card itself
	CertFile       string `yaml:"cert_file"`       // its certificate and those above it, PEM
	CertificateURL string `yaml:"certificate_url"` // https address where callers fetch cert_file (x5u)
	Name           string `yaml:"name"`            // of the company or department
	Email          string `yaml:"email"`
	Tel            string `yaml:"tel"` // +12125550100
	Web            string `yaml:"web"` // https address of a page for people
}

// maxContact bounds each line of a card, in bytes.
const maxContact = 256

// Served says that the gate serves the card itself; otherwise whoever answers URL signs it.
func (c Card) Served() bool { return c.KeyFile != "" || c.CertFile != "" }

// Validate names every mistake by its key. It reads no file.
func (c Card) Validate() error {
	var m mistakes
	if c.URL == "" && c != (Card{}) {
		m.wrong("sip.card.url", "missing; where do callers fetch the card?")
	}
	m.https("sip.card.url", c.URL)
	m.https("sip.card.certificate_url", c.CertificateURL)
	m.https("sip.card.web", c.Web)
	for _, line := range []struct{ key, value string }{{"name", c.Name}, {"email", c.Email}, {"tel", c.Tel}} {
		if len(line.value) > maxContact || strings.ContainsFunc(line.value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			m.wrong("sip.card."+line.key, "write one line of at most %d bytes", maxContact)
		}
	}
	if c.Served() {
		c.validateServed(&m)
	}
	return errors.Join(m...)
}

func (c Card) validateServed(m *mistakes) {
	for _, need := range []struct{ key, value, why string }{
		{"key_file", c.KeyFile, "a certificate alone signs nothing"},
		{"cert_file", c.CertFile, "without a certificate nobody can check the signature"},
		{"certificate_url", c.CertificateURL, "RFC 8688 wants the signature to say where its certificate is"},
		{"name", c.Name, "a card has a name (RFC 6350 §6.2.1)"},
	} {
		if need.value == "" {
			m.wrong("sip.card."+need.key, "missing; %s", need.why)
		}
	}
	if c.Email == "" && c.Tel == "" && c.Web == "" {
		m.wrong("sip.card", "a card needs email, tel or web: how else would a caller object?")
	}
}

// https wants an absolute https address that can stand between angle brackets in a header.
func (m *mistakes) https(key, value string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(value, "<>\" \\") || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		m.wrong(key, "%s is not of the form https://HOST/PATH", fmt.Sprintf("%.60q", value))
	}
}
