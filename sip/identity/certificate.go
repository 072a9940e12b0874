package identity

import (
	"crypto/x509"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/message"
)

// FromCertificate is the rep that a verified client certificate names: the user part of its SAN URI, as in
// sip:201@example.com (RFC 5922 §7.1). Which authority may sign such certificates is the TLS listener's business
// (sip.tls.ca_file). A certificate that names nobody, or two different reps, is nobody's; so is no certificate.
func FromCertificate(cert *x509.Certificate) gate.Rep {
	if cert == nil {
		return ""
	}
	var found gate.Rep
	for _, uri := range cert.URIs {
		if !strings.EqualFold(uri.Scheme, "sip") && !strings.EqualFold(uri.Scheme, "sips") {
			continue
		}
		u, err := message.ParseURI([]byte(uri.String()))
		if err != nil || len(u.User) == 0 {
			continue // a domain's certificate (RFC 5922 §7.1) names no user
		}
		rep := userOf([]byte(uri.String()))
		if found != "" && found != rep {
			return ""
		}
		found = rep
	}
	return found
}
