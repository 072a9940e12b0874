package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/authority"
)

// certificates is what a gate with that pair shows and believes.
func certificates(t testing.TB, a *authority.Authority, of authority.Pair, clients ClientCertificates) *Certificates {
	t.Helper()
	cert, key := of.Files(t)
	c, err := ReadCertificates(CertificateFiles{Cert: cert, Key: key, CA: a.File(t), Clients: clients})
	require.NoError(t, err)
	return c
}

// secured is a transport that listens on TLS with a certificate of a's.
func secured(t testing.TB, a *authority.Authority, c Config, clients ClientCertificates) (*recorder, *Transport, *Listener) {
	t.Helper()
	c.Certificates = certificates(t, a, a.Issue(t, "127.0.0.1", "::1"), clients)
	r := newRecorder()
	tr, ls := serve(t, c, r, "tls://127.0.0.1:0")
	return r, tr, ls[0]
}

// dialTLS is a phone's connection to l, before the handshake.
func dialTLS(t testing.TB, l *Listener, believes *authority.Authority, shows ...authority.Pair) *tls.Conn {
	t.Helper()
	config := &tls.Config{RootCAs: believes.Pool(), ServerName: "127.0.0.1"}
	for _, p := range shows {
		config.Certificates = append(config.Certificates, p.TLS())
	}
	return tls.Client(dialTCP(t, l), config)
}

// speaks says whether a request comes in over c.
func speaks(t *testing.T, c *tls.Conn, r *recorder, callID string) Source {
	t.Helper()
	_, err := c.Write(request("OPTIONS", callID, 1, nil))
	require.NoError(t, err)
	h := next(t, r.heard)
	require.Equal(t, callID, string(h.message.CallID))
	return h.from
}

func TestTLSCarriesMessages(t *testing.T) {
	a := authority.New(t)
	r, tr, l := secured(t, a, Config{}, NoClientCertificate)
	phone := dialTLS(t, l, a)
	from := speaks(t, phone, r, "a")
	assert.Equal(t, TLS, from.Protocol)
	assert.Nil(t, from.Certificate())
	assert.GreaterOrEqual(t, phone.ConnectionState().Version, uint16(tls.VersionTLS12))

	tr.Reply(from, []byte("reply;"), nil)
	tr.Send(from.Address, nil, []byte("request"), nil) // back over the phone's own connection
	got := make([]byte, len("reply;request"))
	_, err := io.ReadFull(phone, got)
	require.NoError(t, err)
	assert.Equal(t, "reply;request", string(got))

	_, err = phone.Write([]byte("\r\n\r\n")) // RFC 5626 §3.5.1
	require.NoError(t, err)
	assert.Equal(t, "\r\n", read(t, phone))

	whole := bytes.Join([][]byte{request("INVITE", "b", 1, make([]byte, 40_000)), request("CANCEL", "b", 1, nil)}, nil)
	_, err = phone.Write(whole)
	require.NoError(t, err)
	assert.Equal(t, "INVITE", next(t, r.heard).message.Method)
	assert.Equal(t, "CANCEL", next(t, r.heard).message.Method)

	used, _, err := tr.Route(from.Address)
	require.NoError(t, err)
	assert.Same(t, l, used)
}

// A misframed request is answered, and the goodbye comes behind the answer.
func TestTLSBrokenStreamIsAnswered(t *testing.T) {
	a := authority.New(t)
	c := Config{MaxMessage: 4096, Write: time.Hour, Certificates: certificates(t, a, a.Issue(t, "127.0.0.1"), NoClientCertificate)}
	r := newRecorder()
	var tr *Transport
	r.react = func(h heard) { tr.Reply(h.from, []byte("refused"), nil) }
	tr, ls := serve(t, c, r, "tls://127.0.0.1:0")
	for name, stream := range map[string][]byte{
		"4 GiB":    bytes.Replace(request("OPTIONS", "a", 1, nil), []byte("Length: 0"), []byte("Length: 4294967295"), 1),
		"negative": bytes.Replace(request("OPTIONS", "a", 1, nil), []byte("Length: 0"), []byte("Length: -1"), 1),
	} {
		phone := dialTLS(t, ls[0], a)
		_, err := phone.Write(stream)
		require.NoError(t, err, name)
		answer, err := io.ReadAll(phone)
		require.NoError(t, err, "%s: closed in order, by close_notify", name)
		assert.Equal(t, "refused", string(answer), name)
	}
}

func TestTLSHalfSentMessageCloses(t *testing.T) {
	a := authority.New(t)
	r, _, l := secured(t, a, Config{HalfSent: 50 * time.Millisecond}, NoClientCertificate)
	phone := dialTLS(t, l, a)
	_, err := phone.Write(request("OPTIONS", "a", 1, nil)[:40])
	require.NoError(t, err)
	_, err = phone.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, DropFrame, next(t, r.drops))
}

func TestTLSFloor(t *testing.T) {
	a := authority.New(t)
	log, lines := newLog(nil)
	r, _, l := secured(t, a, Config{Log: log}, NoClientCertificate)
	old := tls.Client(dialTCP(t, l), &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, old.Handshake())
	assert.Equal(t, DropHandshake, next(t, r.drops))
	lines.await(t, "no TLS with tls://127.0.0.1")
}

func TestClientCertificates(t *testing.T) {
	a, stranger := authority.New(t), authority.New(t)
	good := a.Issue(t, "sip:201@example.com")
	expired := a.IssueUntil(t, time.Now().Add(-time.Minute), "sip:201@example.com")
	unknown := stranger.Issue(t, "sip:201@example.com")
	tests := map[string]struct {
		ask   ClientCertificates
		shows []authority.Pair
		in    bool
		seen  *x509.Certificate
	}{
		"not asked for":             {NoClientCertificate, []authority.Pair{good}, true, nil},
		"optional, none":            {OptionalClientCertificate, nil, true, nil},
		"optional, good":            {OptionalClientCertificate, []authority.Pair{good}, true, good.Leaf},
		"optional, expired":         {OptionalClientCertificate, []authority.Pair{expired}, false, nil},
		"optional, self-made":       {OptionalClientCertificate, []authority.Pair{unknown}, false, nil},
		"required, none":            {RequiredClientCertificate, nil, false, nil},
		"required, good":            {RequiredClientCertificate, []authority.Pair{good}, true, good.Leaf},
		"required, expired":         {RequiredClientCertificate, []authority.Pair{expired}, false, nil},
		"required, other authority": {RequiredClientCertificate, []authority.Pair{unknown}, false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, _, l := secured(t, a, Config{}, test.ask)
			config := &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"}
			if len(test.shows) > 0 { // even if the server names other authorities
				shown := test.shows[0].TLS()
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
			}
			phone := tls.Client(dialTCP(t, l), config)
			if !test.in {
				phone.Write(request("OPTIONS", "a", 1, nil)) // TLS 1.3 tells the client after its handshake
				_, err := phone.Read(make([]byte, 1))
				require.Error(t, err)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.Equal(t, DropHandshake, next(t, r.drops))
				assert.Empty(t, r.heard)
				return
			}
			seen := speaks(t, phone, r, "a").Certificate()
			if test.seen == nil {
				assert.Nil(t, seen)
				return
			}
			require.NotNil(t, seen)
			assert.True(t, test.seen.Equal(seen))
		})
	}
}

// Who connects and says nothing holds up nobody, is counted by the caps, and is gone in time.
func TestSilentHandshakes(t *testing.T) {
	const silent = 500
	a := authority.New(t)
	r, tr, l := secured(t, a, Config{Handshake: 3 * time.Second, MaxPerSource: silent, MaxConnections: 2 * silent}, NoClientCertificate)
	var closed sync.WaitGroup
	for range silent {
		c := dialTCP(t, l)
		closed.Go(func() {
			_, err := c.Read(make([]byte, 1))
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		})
	}
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == silent }, patience, time.Millisecond)

	_, err := dialTCP(t, l).Read(make([]byte, 1))
	require.Error(t, err)
	assert.Equal(t, DropConnectionCap, next(t, r.drops), "handshakes count")

	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	other, err := d.Dial("tcp", l.Address().AddrPort.String())
	require.NoError(t, err)
	defer other.Close()
	begun := time.Now()
	speaks(t, tls.Client(other, &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"}), r, "honest")
	assert.Less(t, time.Since(begun), 2*time.Second)

	closed.Wait()
	for range silent {
		assert.Equal(t, DropHandshake, next(t, r.drops))
	}
}

// Serve ends though handshakes hang.
func TestServeEndsDuringHandshakes(t *testing.T) {
	a := authority.New(t)
	tr := New(Config{Handler: newRecorder(), Certificates: certificates(t, a, a.Issue(t, "127.0.0.1"), NoClientCertificate)})
	l, err := tr.Listen(address(t, "tls://127.0.0.1:0"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- tr.Serve(ctx) }()
	dialTCP(t, l)
	require.Eventually(t, func() bool { return len(tr.connections.snapshot()) == 1 }, patience, time.Millisecond)
	cancel()
	require.NoError(t, next(t, served))
	assert.Empty(t, tr.connections.snapshot())
}

// trunk is a TLS server outside that reads one message.
func trunk(t *testing.T, config *tls.Config) (Address, <-chan tls.ConnectionState) {
	t.Helper()
	l, to := peer(t)
	to.Protocol = TLS
	states := make(chan tls.ConnectionState, 8)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				defer context.AfterFunc(t.Context(), func() { c.Close() })()
				s := tls.Server(c, config)
				b := make([]byte, 100)
				if n, err := s.Read(b); err == nil && string(b[:n]) == "hello" {
					states <- s.ConnectionState()
					_, _ = io.Copy(io.Discard, s)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	return to, states
}

// Our own connections: the other side must prove to be whom the configuration names.
func TestTLSTrunkMustProveItself(t *testing.T) {
	a, stranger := authority.New(t), authority.New(t)
	tests := map[string]struct {
		shows authority.Pair
		asked string // the host of the target; "" for its address
		fails string
	}{
		"its name":                  {a.Issue(t, "carrier.example"), "Carrier.example", ""},
		"its name, by a wildcard":   {a.Issue(t, "*.example"), "carrier.example", ""},
		"its name, as a SIP domain": {a.Issue(t, "sip:carrier.example"), "carrier.example", ""},
		"its address":               {a.Issue(t, "127.0.0.1"), "", ""},
		"another name":              {a.Issue(t, "other.example"), "carrier.example", "not carrier.example"},
		"another SIP domain":        {a.Issue(t, "sip:other.example"), "carrier.example", "carrier.example"},
		"a user of its SIP domain":  {a.Issue(t, "sip:x@carrier.example"), "carrier.example", "carrier.example"},
		"name where address is due": {a.Issue(t, "carrier.example"), "", "127.0.0.1"},
		"expired":                   {a.IssueUntil(t, time.Now().Add(-time.Minute), "carrier.example"), "carrier.example", "expired"},
		"another authority":         {stranger.Issue(t, "carrier.example"), "carrier.example", "unknown authority"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			log, lines := newLog(nil)
			_, tr, _ := secured(t, a, Config{Log: log}, NoClientCertificate)
			to, states := trunk(t, &tls.Config{Certificates: []tls.Certificate{test.shows.TLS()}})
			failures := make(chan error, 1)
			tr.Send(to.Named(test.asked), nil, []byte("hello"), func(err error) { failures <- err })
			if test.fails == "" {
				assert.Equal(t, to.Named(test.asked).Name(), next(t, states).ServerName)
				assert.True(t, tr.Connected(to), "by its address alone as well")
				return
			}
			require.ErrorContains(t, next(t, failures), test.fails)
			lines.await(t, "no TLS with")
			assert.Empty(t, states)
			assert.False(t, tr.Connected(to.Named(test.asked)))
		})
	}
}

// A connection that was made to one name does not carry what is meant for another.
func TestTLSConnectionsByName(t *testing.T) {
	a := authority.New(t)
	_, tr, _ := secured(t, a, Config{}, NoClientCertificate)
	to, states := trunk(t, &tls.Config{Certificates: []tls.Certificate{a.Issue(t, "one.example", "two.example").TLS()}})
	for _, name := range []string{"one.example", "two.example"} {
		tr.Send(to.Named(name), nil, []byte("hello"), func(err error) { t.Error(err) })
		assert.Equal(t, name, next(t, states).ServerName)
	}
}

func TestTLSShowsOurCertificateToTrunks(t *testing.T) {
	a := authority.New(t)
	ours := a.Issue(t, "gate.example")
	tr, _ := serve(t, Config{Certificates: certificates(t, a, ours, NoClientCertificate)}, newRecorder(), "tls://127.0.0.1:0")
	to, states := trunk(t, &tls.Config{
		Certificates: []tls.Certificate{a.Issue(t, "127.0.0.1").TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool(),
	})
	tr.Send(to, nil, []byte("hello"), func(err error) { t.Error(err) })
	assert.True(t, ours.Leaf.Equal(next(t, states).PeerCertificates[0]))
}

// New certificates are shown to whoever comes next; whoever is here stays.
func TestCertificatesAreReplaced(t *testing.T) {
	a := authority.New(t)
	r, tr, l := secured(t, a, Config{}, NoClientCertificate)
	old := dialTLS(t, l, a)
	from := speaks(t, old, r, "before")
	replacement := a.Issue(t, "127.0.0.1")
	tr.UseCertificates(certificates(t, a, replacement, RequiredClientCertificate))

	fresh := dialTLS(t, l, a, a.Issue(t, "sip:201@example.com"))
	assert.NotNil(t, speaks(t, fresh, r, "after").Certificate())
	assert.True(t, replacement.Leaf.Equal(fresh.ConnectionState().PeerCertificates[0]))
	without := dialTLS(t, l, a)
	without.Write([]byte("x"))
	_, err := without.Read(make([]byte, 1))
	require.Error(t, err, "the new rules hold")

	speaks(t, old, r, "still-here")
	tr.Reply(from, []byte("still here"), nil)
	assert.Equal(t, "still here", read(t, old))
}

func TestReadCertificatesSaysWhatToMend(t *testing.T) {
	a := authority.New(t)
	cert, key := a.Issue(t, "gate.example").Files(t)
	_, otherKey := a.Issue(t, "gate.example").Files(t)
	noPEM := cert + ".der"
	require.NoError(t, os.WriteFile(noPEM, []byte("nothing"), 0o600))
	for name, test := range map[string]struct {
		files CertificateFiles
		says  []string
	}{
		"no certificate":      {CertificateFiles{Cert: "/nowhere.pem", Key: key}, []string{"cert_file", "/nowhere.pem"}},
		"no key":              {CertificateFiles{Cert: cert, Key: "/nowhere.pem"}, []string{"key_file", "/nowhere.pem"}},
		"not its key":         {CertificateFiles{Cert: cert, Key: otherKey}, []string{cert, otherKey, "does not match"}},
		"no PEM":              {CertificateFiles{Cert: noPEM, Key: key}, []string{noPEM}},
		"no authorities":      {CertificateFiles{Cert: cert, Key: key, CA: noPEM}, []string{"ca_file", noPEM}},
		"no authorities file": {CertificateFiles{Cert: cert, Key: key, CA: "/nowhere.pem"}, []string{"ca_file", "/nowhere.pem"}},
		"whose clients":       {CertificateFiles{Cert: cert, Key: key, Clients: RequiredClientCertificate}, []string{"ca_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadCertificates(test.files)
			require.Error(t, err)
			for _, part := range test.says {
				require.ErrorContains(t, err, part)
			}
		})
	}
	c, err := ReadCertificates(CertificateFiles{})
	require.NoError(t, err)
	assert.False(t, c.Serves())
	assert.True(t, c.Expires().IsZero())
	tr := New(Config{Handler: newRecorder(), Certificates: c})
	t.Cleanup(tr.Close)
	_, err = tr.Listen(address(t, "tls://127.0.0.1:0"))
	require.ErrorContains(t, err, "sip.tls.cert_file")
}

// A peer that reads nothing does not hold up whoever closes its connection.
func TestTLSGoodbyeIsShort(t *testing.T) {
	a := authority.New(t)
	r, tr, l := secured(t, a, Config{QueueBytes: 64 << 20, Write: time.Hour}, NoClientCertificate)
	phone := dialTLS(t, l, a)
	from := speaks(t, phone, r, "a")
	c := tr.connections.get(from.Address)
	secure, ok := c.Conn.(secureSocket)
	require.True(t, ok)
	socket, ok := secure.below.Conn.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, socket.SetWriteBuffer(4<<10))
	socket.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err := error(nil); err == nil; { // below TLS, whose state it does not touch
		_, err = secure.below.Write(make([]byte, 64<<10))
	}
	begun := time.Now()
	require.NoError(t, func() error { c.close(ErrClosed); return nil }())
	assert.Less(t, time.Since(begun), time.Second)
}

// S15: what a connection over TLS that says nothing costs.
func TestTLSMemory(t *testing.T) {
	const phones = 200
	a := authority.New(t)
	r, _, l := secured(t, a, Config{}, NoClientCertificate)
	before := heap()
	for i := range phones {
		speaks(t, dialTLS(t, l, a), r, strconv.Itoa(i))
	}
	// The phones' own half of each connection is in this process too.
	each := (heap() - before) / phones
	t.Logf("%d bytes for both ends of a connection", each)
	assert.Less(t, each, uint64(2*40<<10))
}

func TestNamed(t *testing.T) {
	secure := Address{Protocol: TLS, AddrPort: netip.MustParseAddrPort("192.0.2.1:5061")}
	assert.Equal(t, "carrier.example", secure.Named("Carrier.Example").Name())
	assert.Empty(t, secure.Named("192.0.2.1").Name())
	assert.Empty(t, secure.Named("2001:db8::1").Name())
	plain := Address{Protocol: TCP, AddrPort: secure.AddrPort}
	assert.Equal(t, plain, plain.Named("carrier.example"), "nobody asks it for a certificate")
	assert.True(t, secure.Same(secure.Named("carrier.example")))
	assert.False(t, secure.Same(plain))
}
