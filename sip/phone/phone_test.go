package phone_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ringfence/ringfence/sip/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within bounds a test: nothing on loopback takes longer.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newPhone(t *testing.T, cfg phone.Config) *phone.Phone {
	t.Helper()
	p, err := phone.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

func newCallee(t *testing.T) *phone.Callee {
	t.Helper()
	c, err := phone.NewCallee("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// eachTransport runs a test with a caller that dials through UDP and one that dials through TCP.
func eachTransport(t *testing.T, test func(t *testing.T, caller *phone.Phone, callee *phone.Callee)) {
	t.Helper()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			callee := newCallee(t)
			caller := newPhone(t, phone.Config{User: "201", Display: `Zhang "Wei" 张伟`, Transport: transport, Proxy: callee.Address()})
			test(t, caller, callee)
		})
	}
}

func TestCallIsAnswered(t *testing.T) {
	eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
		callee.Answer(phone.AnswerAfter(20 * time.Millisecond))
		o, err := caller.Call(within(t), "+12125550100")
		require.NoError(t, err)
		assert.Equal(t, 200, o.Status)
		assert.True(t, o.Rang)
		assert.Equal(t, "+12125550100", o.AnsweredBy)
		assert.GreaterOrEqual(t, o.SetUp, 20*time.Millisecond)
		assert.Positive(t, o.Talk)

		got := callee.Received()
		require.Len(t, got, 1)
		assert.Equal(t, "sip:+12125550100@127.0.0.1", got[0].RequestURI)
		assert.Equal(t, "201", got[0].From)
		assert.Equal(t, o.CallID, got[0].CallID)
	})
}

func TestCallIsTurnedDown(t *testing.T) {
	announced := phone.Reject(503)
	announced.Phrase = "Lines Down"
	announced.Headers = []string{"Retry-After: 120 (strike)", `Warning: 399 world "nobody \"home\""`, `Reason: Q.850;cause=41;text="no \"line\""`}
	tests := []struct {
		name   string
		does   phone.Behaviour
		status int
		check  func(t *testing.T, o *phone.Outcome)
	}{
		{"busy", phone.Busy, 486, func(t *testing.T, o *phone.Outcome) {
			t.Helper()
			assert.Equal(t, "Busy Here", o.Phrase)
			assert.Empty(t, o.Reason)
		}},
		{"declined", phone.Decline, 603, nil},
		{"unwanted", phone.Unwanted, 607, nil},
		{"not found", phone.NotFound, 404, nil},
		{"unavailable, with all its headers", announced, 503, func(t *testing.T, o *phone.Outcome) {
			t.Helper()
			assert.Equal(t, "Lines Down", o.Phrase)
			assert.Equal(t, 2*time.Minute, o.RetryAfter)
			assert.Equal(t, `no "line"`, o.Reason)
			assert.Equal(t, `399 world "nobody \"home\""`, o.Warning)
		}},
		{"rings, then busy", phone.Behaviour{Ring: 10 * time.Millisecond, Status: 486}, 486, func(t *testing.T, o *phone.Outcome) {
			t.Helper()
			assert.True(t, o.Rang)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
				callee.Answer(phone.AnswerAfter(0))
				callee.At("+12125550100", tt.does)
				o, err := caller.Call(within(t), "+12125550100")
				require.NoError(t, err)
				assert.Equal(t, tt.status, o.Status)
				assert.Zero(t, o.Talk)
				assert.Empty(t, o.AnsweredBy)
				if tt.check != nil {
					tt.check(t, o)
				}
			})
		})
	}
}

func TestCallerCancels(t *testing.T) {
	eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
		callee.Answer(phone.RingForEver())
		ctx := within(t)
		c, err := caller.Dial(ctx, "+12125550100")
		require.NoError(t, err)
		<-c.Ringing()
		require.NoError(t, c.Cancel(ctx))
		o, err := c.Wait(ctx)
		require.NoError(t, err)
		assert.Equal(t, 487, o.Status)
		assert.True(t, o.Rang)
		require.NoError(t, c.Cancel(ctx), "cancelling twice is no error")
		require.Error(t, c.Hangup(ctx), "a call that was never answered cannot be hung up")
	})
}

func TestCallIsCancelledWhenItsContextEnds(t *testing.T) {
	eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
		callee.Answer(phone.RingForEver())
		ctx, cancel := context.WithCancel(within(t))
		go func() {
			if callee.WaitReceived(ctx, 1) == nil {
				cancel()
			}
		}()
		o, err := caller.Call(ctx, "+12125550100")
		require.ErrorIs(t, err, context.Canceled)
		require.NotNil(t, o)
		assert.Equal(t, 487, o.Status)
	})
}

func TestCallerHangsUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, caller *phone.Phone, _ *phone.Callee) {
		ctx := within(t)
		c, err := caller.Dial(ctx, "+12125550100")
		require.NoError(t, err)
		_, err = c.Wait(ctx)
		require.NoError(t, err)
		select {
		case <-c.Over():
			t.Fatal("the call is over though nobody hung up")
		default:
		}
		require.NoError(t, c.Hangup(ctx))
		<-c.Over()
		require.NoError(t, c.Hangup(ctx), "hanging up twice is no error")
	})
}

func TestCalleeHangsUp(t *testing.T) {
	for name, hangsUp := range map[string]func(ctx context.Context, callee *phone.Callee) error{
		"after its time": func(context.Context, *phone.Callee) error { return nil },
		"when told":      func(ctx context.Context, callee *phone.Callee) error { return callee.Hangup(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
				does := phone.AnswerAfter(0)
				if name == "after its time" {
					does.Talk = 10 * time.Millisecond
				}
				callee.Answer(does)
				ctx := within(t)
				c, err := caller.Dial(ctx, "+12125550100")
				require.NoError(t, err)
				_, err = c.Wait(ctx)
				require.NoError(t, err)
				require.NoError(t, hangsUp(ctx, callee))
				select {
				case <-c.Over():
				case <-ctx.Done():
					t.Fatal("the caller never heard of the BYE")
				}
			})
		})
	}
}

func TestClosedPhoneSaysSo(t *testing.T) {
	p, err := phone.New(phone.Config{User: "201"})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "closing twice is no error")
	_, err = p.Dial(t.Context(), "sip:1@127.0.0.1")
	require.ErrorContains(t, err, "closed")
}

func TestCloseWithCallsUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, caller *phone.Phone, callee *phone.Callee) {
		ctx := within(t)
		answered, err := caller.Dial(ctx, "+12125550100")
		require.NoError(t, err)
		_, err = answered.Wait(ctx)
		require.NoError(t, err)
		callee.Answer(phone.RingForEver())
		ringing, err := caller.Dial(ctx, "+12125550101")
		require.NoError(t, err)
		<-ringing.Ringing()
		require.NoError(t, caller.Close())
		_, err = ringing.Wait(ctx)
		require.Error(t, err)
		// goleak sees whether anything of the two calls is left.
	})
}

func TestNewRefusesWhatItCannotDo(t *testing.T) {
	for name, cfg := range map[string]phone.Config{
		"transport": {User: "201", Transport: "pigeon"},
		"address":   {User: "201", Listen: "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := phone.New(cfg)
			require.Error(t, err)
		})
	}
	taken := newPhone(t, phone.Config{User: "201"})
	_, err := phone.New(phone.Config{User: "202", Listen: taken.Address()})
	require.ErrorContains(t, err, "cannot listen")
}

func TestDialledText(t *testing.T) {
	tests := []struct{ dialled, requestURI string }{
		{"212-555-0100", "sip:212-555-0100@127.0.0.1"},
		{"(212) 555 #1", "sip:(212)%20555%20%231@127.0.0.1"},
		{"tel:+1-212-555-0100", "tel:+1-212-555-0100"},
		{"urn:service:sos", "urn:service:sos"},
		{"sip:alice@127.0.0.1;user=phone", "sip:alice@127.0.0.1;user=phone"},
	}
	callee := newCallee(t)
	caller := newPhone(t, phone.Config{User: "201", Proxy: callee.Address()})
	for i, tt := range tests {
		t.Run(tt.dialled, func(t *testing.T) {
			_, err := caller.Call(within(t), tt.dialled)
			require.NoError(t, err)
			assert.Equal(t, tt.requestURI, callee.Received()[i].RequestURI)
		})
	}
}
