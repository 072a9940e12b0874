package webhooks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How long a receiver may take, and how much of its answer is read.
const (
	postWithin  = 10 * time.Second
	mostAnswer  = 16 << 10
	mostHeaders = 16 << 10
)

// endpoint is an Endpoint that can be posted to.
type endpoint struct {
	Endpoint
	secrets []string
	client  *http.Client
	failing bool // its last attempt failed: one at a time is tried until one succeeds. Only its own loop reads it
	waiting atomic.Int64
}

func newEndpoint(e Endpoint) (*endpoint, error) {
	secrets, err := readSecrets(e.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("webhook %s: secret_file: %w", e.Name, err)
	}
	authorities, err := readAuthorities(e.CAFile)
	if err != nil {
		return nil, fmt.Errorf("webhook %s: ca_file: %w", e.Name, err)
	}
	return &endpoint{Endpoint: e, secrets: secrets, client: &http.Client{
		Timeout: postWithin,
		// What is signed for one address is not for another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities},
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  postWithin,
			MaxResponseHeaderBytes: mostHeaders,
			MaxIdleConnsPerHost:    atOnce,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		},
	}}, nil
}

// readAuthorities reads PEM certificates; nil, which means the system's, for no file.
func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("it holds no PEM certificate")
	}
	return pool, nil
}

// post sends one letter; nil says that the receiver has it. Its error names neither the URL nor what was sent.
func (e *endpoint) post(ctx context.Context, l letter, event string, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(l.body))
	if err != nil {
		return errors.New("the address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "ringfence")
	req.Header.Set("Ringfence-Event", event)
	req.Header.Set("Ringfence-Delivery", l.id)
	req.Header.Set("Ringfence-Attempt", strconv.Itoa(l.attempt))
	req.Header.Set("Ringfence-Signature", signature(e.secrets, now, l.body))
	answer, err := e.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok { // it quotes the whole URL
			err = wrapped.Err
		}
		return err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, mostAnswer) // so that the connection can be used again
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return nil
}
