package identity

import (
	"crypto/x509"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestFromCertificate(t *testing.T) {
	require.Empty(t, FromCertificate(nil))
	for _, c := range []struct {
		uris []string
		want gate.Rep
	}{
		{nil, ""},
		{[]string{"sip:201@example.com"}, "201"},
		{[]string{"SIP:201@example.com"}, "201"},
		{[]string{"sips:201@example.com"}, "201"},
		{[]string{"https://example.com/201", "sip:201@example.com"}, "201"},
		{[]string{"sip:example.com", "sip:201@example.com"}, "201"}, // a domain and a user
		{[]string{"sip:201@example.com", "sip:201@example.org"}, "201"},
		{[]string{"sip:201@example.com", "sip:202@example.com"}, ""}, // two reps
		{[]string{"sip:example.com"}, ""},
		{[]string{"mailto:201@example.com"}, ""},
		{[]string{"sip:201:secret@example.com"}, "201"},
		{[]string{"sip:%zz@example.com"}, ""},
	} {
		cert := &x509.Certificate{}
		for _, text := range c.uris {
			u, err := url.Parse(text)
			if err != nil {
				u = &url.URL{Scheme: "sip", Opaque: text[len("sip:"):]}
			}
			cert.URIs = append(cert.URIs, u)
		}
		require.Equal(t, c.want, FromCertificate(cert), "%v", c.uris)
	}
}
