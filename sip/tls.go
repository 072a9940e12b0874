package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/sip/transport"
)

// TLS is what listeners and connections over TLS show and believe. The files are PEM, and read again on every reload.
type TLS struct {
	CertFile           string `yaml:"cert_file"`           // our certificate, then those that lead to its authority
	KeyFile            string `yaml:"key_file"`            // its private key
	CAFile             string `yaml:"ca_file"`             // authorities of those we connect to and of client certificates; default: the system's, for the former
	ClientCertificates string `yaml:"client_certificates"` // none | optional | required; default none
}

// clientCertificates in the order of transport.ClientCertificates.
var clientCertificates = []string{"none", "optional", "required"}

func (t TLS) files() transport.CertificateFiles {
	return transport.CertificateFiles{
		Cert: t.CertFile, Key: t.KeyFile, CA: t.CAFile,
		Clients: transport.ClientCertificates(max(0, slices.Index(clientCertificates, t.ClientCertificates))),
	}
}

// validate opens no file: that is for the start and for a reload.
func (t TLS) validate(listens bool) (errs []keyError) {
	bad := func(key, text string) { errs = append(errs, keyError{key, errors.New(text)}) }
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		bad("cert_file", "missing; key_file is the key of which certificate?")
	case t.CertFile != "" && t.KeyFile == "":
		bad("key_file", "missing; a certificate is shown by who has its key")
	case t.CertFile == "" && listens:
		bad("cert_file", "missing; a tls or wss listener needs a certificate and its key_file")
	}
	switch {
	case t.ClientCertificates != "" && !slices.Contains(clientCertificates, t.ClientCertificates):
		bad("client_certificates", fmt.Sprintf("unknown choice %q: use %s", t.ClientCertificates, strings.Join(clientCertificates, ", ")))
	case t.files().Clients != transport.NoClientCertificate && t.CAFile == "":
		bad("ca_file", "missing; whose client certificates are good ones?")
	}
	return errs
}

// certificates reads the files of sip.tls, and says in the log how long ours is good.
func (s *Server) certificates(t TLS) (*transport.Certificates, error) {
	c, err := transport.ReadCertificates(t.files())
	if err != nil {
		return nil, fmt.Errorf("%w: mend it or correct sip.tls", err)
	}
	if until := c.Expires(); !until.IsZero() && time.Until(until) < expiresSoon {
		s.options.Log.Warn().Str("file", t.CertFile).Time("until", until).Msg("the certificate of sip.tls has ended or ends soon: renew it and reload")
	}
	return c, nil
}

// expiresSoon is when an operator should hear of it; those who renew by machine do so a month before.
const expiresSoon = 14 * 24 * time.Hour
