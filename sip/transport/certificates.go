package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ClientCertificates says what is asked of whoever connects to us over TLS.
type ClientCertificates uint8

// The choices.
const (
	NoClientCertificate       ClientCertificates = iota // none is asked for
	OptionalClientCertificate                           // one that is shown must be good
	RequiredClientCertificate                           // nobody gets in without a good one
)

// CertificateFiles are PEM files. Cert and Key go together; either all or none of them may be missing.
type CertificateFiles struct {
	Cert    string // our certificate, then those that lead to its authority
	Key     string // the private key of the first of them
	CA      string // the authorities we believe, of servers and of clients; "": the system's, of servers only
	Clients ClientCertificates
}

// Certificates is what TLS shows and believes. It is never changed, only replaced.
type Certificates struct {
	server *tls.Config // nil without a certificate
	client *tls.Config
	leaf   *x509.Certificate // ours
}

// ReadCertificates reads the files; an error names the one to mend.
func ReadCertificates(f CertificateFiles) (*Certificates, error) {
	authorities, err := readAuthorities(f.CA)
	if err != nil {
		return nil, err
	}
	c := &Certificates{client: clientConfig(authorities)}
	if f.Cert == "" && f.Key == "" {
		return c, nil
	}
	ours, err := readPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	c.leaf = ours.Leaf
	c.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return ours, nil }
	c.server = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*ours},
		ClientAuth:   f.Clients.auth(),
		// The pool of client authorities must never be the system's, which would let half the world in.
		ClientCAs: authorities,
		// SIP connections are kept; one that is made anew is to be judged by the certificates of that day.
		SessionTicketsDisabled: true,
	}
	if f.Clients != NoClientCertificate && authorities == nil {
		return nil, errors.New("client certificates are asked for, but whose? Name the file of their authorities in sip.tls.ca_file")
	}
	return c, nil
}

func (c ClientCertificates) auth() tls.ClientAuthType {
	switch c {
	case RequiredClientCertificate:
		return tls.RequireAndVerifyClientCert
	case OptionalClientCertificate:
		return tls.VerifyClientCertIfGiven
	default:
		return tls.NoClientCert
	}
}

func readPair(cert, key string) (*tls.Certificate, error) {
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		return nil, fmt.Errorf("sip.tls.cert_file: %w", err)
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("sip.tls.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("sip.tls: certificate %s with key %s: %w", cert, key, err)
	}
	return &pair, nil
}

// readAuthorities is nil when there is no file.
func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("sip.tls.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("sip.tls.ca_file: %s has no certificate in PEM form in it", file)
	}
	return pool, nil
}

// clientConfig is what our own connections begin with; Certificates.connect adds the peer's name.
func clientConfig(authorities *x509.CertPool) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}
}

// Serves says whether there is a certificate to show to those who connect.
func (c *Certificates) Serves() bool { return c.server != nil }

// Expires is when our own certificate ends; the zero time without one.
func (c *Certificates) Expires() time.Time {
	if c.leaf == nil {
		return time.Time{}
	}
	return c.leaf.NotAfter
}

// UseCertificates makes every handshake from now on use c, nil for none of our own. Connections that are up stay.
func (t *Transport) UseCertificates(c *Certificates) {
	if c == nil {
		c = &Certificates{client: clientConfig(nil)}
	}
	t.certificates.Store(c)
}

// provesToBe says whether the certificate is host's (RFC 5922 §7): a sip URI without a user part among its alternative
// names, a DNS name, or the address when host is one. Unlike RFC 5922 §7.2 a DNS name may have a wildcard: the big
// carriers' certificates do.
func provesToBe(cert *x509.Certificate, host string) error {
	for _, u := range cert.URIs {
		// url.Parse reads "sip:example.com" as opaque.
		if strings.EqualFold(u.Scheme, "sip") && strings.EqualFold(u.Opaque, host) {
			return nil
		}
	}
	return cert.VerifyHostname(host)
}
