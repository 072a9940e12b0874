package phone_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
)

// startRelay runs Kamailio as a plain relay to next and returns its address. It is ready when it answers: what is sent
// to it too early is repeated, as SIP does.
func startRelay(t *testing.T, next string) string {
	t.Helper()
	binary, err := exec.LookPath("kamailio")
	if err != nil {
		binary = "/usr/sbin/kamailio" // sbin is not in everybody's PATH
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatal("kamailio is missing: install it (Debian: apt-get install kamailio)")
	}
	config, err := os.ReadFile("testdata/relay.cfg")
	require.NoError(t, err)
	address := freeAddress(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "relay.cfg")
	text := strings.NewReplacer("LISTEN", address, "NEXT", next).Replace(string(config))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	relay := exec.Command(binary, "-f", file, "-DD", "-E", "-w", dir, "-Y", dir, "-m", "32", "-M", "4")
	relay.Stdout, relay.Stderr = log, log
	require.NoError(t, relay.Start())
	t.Cleanup(func() {
		_ = relay.Process.Signal(syscall.SIGTERM)
		_ = relay.Wait()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("kamailio said:\n%s", said)
		}
	})
	return address
}

// freeAddress is a port that is free for UDP and TCP now.
func freeAddress(t *testing.T) string {
	t.Helper()
	p := newPhone(t, phone.Config{User: "nobody"})
	require.NoError(t, p.Close())
	return p.Address()
}

// TestThroughRelay has the phones' Route, Record-Route and CANCEL judged by a proxy that is not ours.
func TestThroughRelay(t *testing.T) {
	callee := newCallee(t)
	relay := startRelay(t, callee.Address())
	awaitAnswer(t, relay)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			caller := newPhone(t, phone.Config{User: "201", Transport: transport, Proxy: relay})
			t.Run("the caller hangs up", func(t *testing.T) {
				callee.Answer(phone.AnswerAfter(10 * time.Millisecond))
				o, err := caller.Call(within(t), "+12125550100")
				require.NoError(t, err)
				assert.Equal(t, 200, o.Status)
				assert.Equal(t, "+12125550100", o.AnsweredBy)
			})
			t.Run("the callee hangs up", func(t *testing.T) {
				callee.Answer(phone.Behaviour{Status: 200, Talk: 10 * time.Millisecond})
				ctx := within(t)
				c, err := caller.Dial(ctx, "+12125550100")
				require.NoError(t, err)
				o, err := c.Wait(ctx)
				require.NoError(t, err)
				assert.True(t, o.Answered())
				select {
				case <-c.Over():
				case <-ctx.Done():
					t.Fatal("no BYE came through")
				}
			})
			t.Run("turned down", func(t *testing.T) {
				callee.Answer(phone.Decline)
				o, err := caller.Call(within(t), "+12125550100")
				require.NoError(t, err)
				assert.Equal(t, 603, o.Status)
			})
			t.Run("cancelled", func(t *testing.T) {
				callee.Answer(phone.RingForEver())
				ctx := within(t)
				c, err := caller.Dial(ctx, "+12125550100")
				require.NoError(t, err)
				<-c.Ringing()
				require.NoError(t, c.Cancel(ctx))
				o, err := c.Wait(ctx)
				require.NoError(t, err)
				assert.Equal(t, 487, o.Status)
			})
		})
	}
}

// awaitAnswer returns when something accepts connections at address.
func awaitAnswer(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			require.NoError(t, conn.Close())
			return
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			t.Fatalf("the relay does not answer at %s: %v", address, err)
		}
	}
}
