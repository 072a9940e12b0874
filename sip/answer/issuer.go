package answer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// Issuer serves a card: the JWS of it (RFC 8688 §3.2) and the certificate that it is signed with.
type Issuer struct {
	card  Card
	key   *ecdsa.PrivateKey
	chain []byte // PEM, as in the file
	ends  time.Time

	mu     sync.Mutex
	issued int64 // of signed, in Unix seconds
	signed []byte
}

// NewIssuer reads key and certificate.
func NewIssuer(c Card) (*Issuer, error) {
	chain, err := os.ReadFile(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("sip.card.cert_file: %w", err)
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("sip.card.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("sip.card: %s and %s do not make a pair: %w", c.CertFile, c.KeyFile, err)
	}
	private, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, fmt.Errorf("sip.card.key_file: %s holds no P-256 key, which ES256 needs; make one with openssl ecparam -name prime256v1 -genkey", c.KeyFile)
	}
	return &Issuer{card: c, key: private, chain: chain, ends: pair.Leaf.NotAfter}, nil
}

// Check says why callers could not check what is signed at this time. It keeps no gate from starting: calls matter more
// than a card.
func (i *Issuer) Check(now time.Time) error {
	if now.After(i.ends) {
		return fmt.Errorf("sip.card.cert_file: the certificate in %s ended on %s, so no card is served; renew it and restart the gate",
			i.card.CertFile, i.ends.Format(time.DateOnly))
	}
	return nil
}

// ServeHTTP answers /card with the signed card and /card/certificate with the certificates. The card is signed when it
// is fetched, at most once a second: callers refuse one that was issued minutes ago (RFC 8688 §3.4).
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
	case r.URL.Path == "/card":
		i.serveCard(w, time.Now())
	case r.URL.Path == "/card/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain") // RFC 8555 §9.1
		_, _ = w.Write(i.chain)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) serveCard(w http.ResponseWriter, now time.Time) {
	if i.Check(now) != nil {
		http.Error(w, "the certificate of this card has ended", http.StatusServiceUnavailable)
		return
	}
	signed, err := i.sign(now.Unix())
	if err != nil {
		http.Error(w, "the card could not be signed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jose") // RFC 7515 §9.2.1
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(signed)
}

// sign is the JWS in its compact form (RFC 7515 §7.1), ES256 (RFC 7518 §3.4: R and S of 32 bytes each).
func (i *Issuer) sign(now int64) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.signed != nil && i.issued == now {
		return i.signed, nil
	}
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "vcard+json", "x5u": i.card.CertificateURL})
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(map[string]any{"iat": now, "jcard": i.card.jCard()})
	if err != nil {
		return nil, err
	}
	encode := base64.RawURLEncoding.AppendEncode
	jws := encode(append(encode(nil, header), '.'), payload)
	digest := sha256.Sum256(jws)
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	i.signed, i.issued = encode(append(jws, '.'), signature), now
	return i.signed, nil
}

// jCard is the card in JSON (RFC 7095 §3).
func (c Card) jCard() []any {
	property := func(name, kind, value string) []any { return []any{name, struct{}{}, kind, value} }
	properties := []any{property("version", "text", "4.0"), property("fn", "text", c.Name)}
	if c.Web != "" {
		properties = append(properties, property("url", "uri", c.Web))
	}
	if c.Email != "" {
		properties = append(properties, property("email", "text", c.Email))
	}
	if c.Tel != "" {
		properties = append(properties, property("tel", "uri", "tel:"+c.Tel))
	}
	return []any{"vcard", properties}
}
