package answer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// signer writes a key and a certificate of it and returns a card that names them.
func signer(t *testing.T, key any, public any, ends time.Time) Card {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate.example.com"}, NotBefore: ends.Add(-48 * time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	c := Card{
		URL: "https://gate.example.com/card", CertificateURL: "https://gate.example.com/card/certificate",
		KeyFile: filepath.Join(dir, "key.pem"), CertFile: filepath.Join(dir, "cert.pem"),
		Name: "Example Ltd, 合规部", Email: "calls@example.com", Tel: "+12125550100", Web: "https://example.com/calls",
	}
	require.NoError(t, os.WriteFile(c.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	require.NoError(t, os.WriteFile(c.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return c
}

func p256(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func fetch(t *testing.T, h http.Handler, method, path string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	all, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return all
}

// Whoever fetches the card can check it with nothing but the certificate that it points to (RFC 8688 §3.2).
func TestCardCanBeChecked(t *testing.T) {
	key := p256(t)
	issuer, err := NewIssuer(signer(t, key, key.Public(), time.Now().Add(time.Hour)))
	require.NoError(t, err)

	answer := fetch(t, issuer, http.MethodGet, "/card")
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "application/jose", answer.Header.Get("Content-Type"))
	parts := strings.Split(string(body(t, answer)), ".")
	require.Len(t, parts, 3)
	header, payload, signature := decode(t, parts[0]), decode(t, parts[1]), decode(t, parts[2])

	require.JSONEq(t, `{"alg":"ES256","typ":"vcard+json","x5u":"https://gate.example.com/card/certificate"}`, string(header))
	var claims struct {
		Issued int64           `json:"iat"`
		JCard  json.RawMessage `json:"jcard"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.InDelta(t, time.Now().Unix(), claims.Issued, 5)
	require.JSONEq(t, `["vcard",[["version",{},"text","4.0"],["fn",{},"text","Example Ltd, 合规部"],["url",{},"uri","https://example.com/calls"],
		["email",{},"text","calls@example.com"],["tel",{},"uri","tel:+12125550100"]]]`, string(claims.JCard))

	certificate := fetch(t, issuer, http.MethodGet, "/card/certificate")
	block, _ := pem.Decode(body(t, certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	require.True(t, ok)
	require.Len(t, signature, 64)
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	require.True(t, ecdsa.Verify(public, digest[:], r, s))
}

func decode(t *testing.T, part string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	return raw
}

// A card is as old as its fetching, and signed once a second however often it is fetched.
func TestCardIsFresh(t *testing.T) {
	key := p256(t)
	issuer, err := NewIssuer(signer(t, key, key.Public(), time.Now().Add(time.Hour)))
	require.NoError(t, err)
	first, err := issuer.sign(1000)
	require.NoError(t, err)
	again, err := issuer.sign(1000)
	require.NoError(t, err)
	require.Equal(t, first, again)
	later, err := issuer.sign(1001)
	require.NoError(t, err)
	require.Contains(t, string(decode(t, strings.Split(string(later), ".")[1])), `"iat":1001`)
}

func TestIssuerAnswersNothingElse(t *testing.T) {
	key := p256(t)
	issuer, err := NewIssuer(signer(t, key, key.Public(), time.Now().Add(time.Hour)))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, fetch(t, issuer, http.MethodGet, "/card/key.pem").StatusCode)
	require.Equal(t, http.StatusNotFound, fetch(t, issuer, http.MethodGet, "/card/../card").StatusCode)
	require.Equal(t, http.StatusMethodNotAllowed, fetch(t, issuer, http.MethodPost, "/card").StatusCode)
}

// What callers could not check is not signed with.
func TestIssuerRefusesKeys(t *testing.T) {
	key := p256(t)
	good := signer(t, key, key.Public(), time.Now().Add(time.Hour))
	other := signer(t, p256(t), p256(t).Public(), time.Now().Add(time.Hour))
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for want, c := range map[string]Card{
		"do not make a pair":   {KeyFile: other.KeyFile, CertFile: good.CertFile},
		"sip.card.key_file: ":  {KeyFile: good.KeyFile + "-", CertFile: good.CertFile},
		"sip.card.cert_file: ": {KeyFile: good.KeyFile, CertFile: good.CertFile + "-"},
		"holds no P-256 key":   signer(t, long, long.Public(), time.Now().Add(time.Hour)),
	} {
		_, err := NewIssuer(c)
		require.ErrorContains(t, err, want)
	}
}

// A certificate that has ended keeps no gate from starting; nothing is signed with it.
func TestExpiredCertificate(t *testing.T) {
	key := p256(t)
	issuer, err := NewIssuer(signer(t, key, key.Public(), time.Now().Add(-time.Hour)))
	require.NoError(t, err)
	require.ErrorContains(t, issuer.Check(time.Now()), "renew it")
	require.Equal(t, http.StatusServiceUnavailable, fetch(t, issuer, http.MethodGet, "/card").StatusCode)
	require.NoError(t, issuer.Check(time.Now().Add(-2*time.Hour)))
}

func TestCardValidate(t *testing.T) {
	whole := Card{
		URL: "https://a.example/card", KeyFile: "k", CertFile: "c", CertificateURL: "https://a.example/card/certificate", Name: "A", Email: "a@a.example",
	}
	require.NoError(t, whole.Validate())
	require.NoError(t, Card{}.Validate())
	require.NoError(t, Card{URL: "https://a.example/card"}.Validate())
	for key, change := range map[string]func(*Card){
		"sip.card.url":             func(c *Card) { c.URL = "" },
		"sip.card.url: \"http:":    func(c *Card) { c.URL = "http://a.example/card" },
		"sip.card.certificate_url": func(c *Card) { c.CertificateURL = "" },
		"sip.card.key_file":        func(c *Card) { c.KeyFile = "" },
		"sip.card.cert_file":       func(c *Card) { c.CertFile = "" },
		"sip.card.name":            func(c *Card) { c.Name = "a\nb" },
		"sip.card.web":             func(c *Card) { c.Web = "https://a.example/>\r\nX: y" },
		"sip.card: a card needs":   func(c *Card) { c.Email = "" },
	} {
		c := whole
		change(&c)
		require.ErrorContains(t, c.Validate(), key)
	}
}
