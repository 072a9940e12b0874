package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRefusalPointsToACard: a peer whose network understands RFC 8688 is told 608, and the card is where the whole
// program answers it.
func TestRefusalPointsToACard(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	keyFile, certFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))

	f := newFloor(t, "")
	f.serveWith("sip.peers[0].answers=608", "sip.card.url=https://gate.example.com/card",
		"sip.card.certificate_url=https://gate.example.com/card/certificate", "sip.card.key_file="+keyFile,
		"sip.card.cert_file="+certFile, "sip.card.name=Example", "sip.card.email=calls@example.com")
	require.Zero(t, f.run("refuse", "+12125550133").code)
	no := f.call(f.phone("201"), "+12125550133")
	require.Equal(t, 608, no.Status)
	require.Equal(t, "Customer said no", no.Phrase)

	status, card := f.get("/card")
	require.Equal(t, 200, status)
	require.Equal(t, 2, strings.Count(card, "."), "a JWS in compact form")
	status, chain := f.get("/card/certificate")
	require.Equal(t, 200, status)
	require.Contains(t, chain, "BEGIN CERTIFICATE")
	status, _ = f.get("/card/key")
	require.Equal(t, 404, status)
}

// Without a card there is no such page.
func TestNoCard(t *testing.T) {
	f := newFloor(t, "")
	f.serve()
	status, _ := f.get("/card")
	require.Equal(t, 404, status)
}
