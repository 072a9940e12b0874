package registry

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// A sealed pass has a PIN: whoever can dial as the rep cannot use it without. Only once the rep has dialled the PIN it is a
// pass like any other, for openFor.
type sealedPass struct {
	Pass
	salt, digest string
	wrong        int // PINs so far
}

const (
	openFor      = time.Minute
	mostWrong    = 5 // PINs, then the pass is gone
	pinBytes     = 32
	shortestPIN  = 4
	longestPIN   = 8
	generatedPIN = 6
)

// pinRounds of PBKDF2: a PIN has few digits, so each guess at a stolen digest is to cost something. A constant but for tests.
var pinRounds = 100_000

var pinEncoding = base64.RawURLEncoding

// digestOf is what is kept of a PIN.
func digestOf(pin, salt string) (string, error) {
	key, err := pbkdf2.Key(sha256.New, pin, []byte(salt), pinRounds, pinBytes)
	if err != nil {
		return "", fmt.Errorf("registry: the PIN cannot be hashed: %w", err)
	}
	return pinEncoding.EncodeToString(key), nil
}

// opens says whether a PIN is the pass's.
func (p *sealedPass) opens(pin string) (bool, error) {
	digest, err := digestOf(pin, p.salt)
	return subtle.ConstantTimeCompare([]byte(digest), []byte(p.digest)) == 1, err
}

// NewPIN makes a PIN up.
func NewPIN() string {
	digits := make([]byte, generatedPIN)
	for i := range digits {
		digits[i] = '0' + randomDigit()
	}
	return string(digits)
}

// randomDigit is each of ten digits alike.
func randomDigit() byte {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if b[0] < 250 {
			return b[0] % 10
		}
	}
}

// GrantSealed gives a rep a pass that is good only once its PIN, 4 to 8 digits, was dialled; one that the rep has already is
// replaced.
func (s *Store) GrantSealed(ctx context.Context, p Pass, pin string) (Pass, error) {
	if p.Rep == "" || p.For <= 0 || p.For > longestPass {
		return Pass{}, fmt.Errorf("a pass needs a rep and a time of at most %s", gate.Duration(longestPass))
	}
	if len(pin) < shortestPIN || len(pin) > longestPIN || strings.Trim(pin, "0123456789") != "" {
		return Pass{}, fmt.Errorf("a PIN has %d to %d digits", shortestPIN, longestPIN)
	}
	salt := rand.Text()
	digest, err := digestOf(pin, salt)
	if err != nil {
		return Pass{}, err
	}
	st, err := s.changeSealed(ctx, p.Number, "grant", p.Rep, milliseconds(p.For), rand.Text()[:12], note(p.Reason), salt, digest)
	if err != nil {
		return Pass{}, err
	}
	granted, ok := st.sealed(p.Number, p.Rep)
	if !ok {
		return Pass{}, errors.New("registry: pass: the reply holds none")
	}
	return granted.Pass, nil
}

// RevokeSealed takes a pass back whose PIN was not dialled yet; ErrNoPass when there is none.
func (s *Store) RevokeSealed(ctx context.Context, n gate.Number, rep gate.Rep) (Pass, error) {
	st, err := s.changeSealed(ctx, n, "revoke", rep)
	if err != nil {
		return Pass{}, err
	}
	p, ok := st.sealed(n, rep)
	if st.outcome != "done" || !ok {
		return Pass{}, ErrNoPass
	}
	return p.Pass, nil
}

func (s *Store) changeSealed(ctx context.Context, n gate.Number, action string, rep gate.Rep, more ...any) (state, error) {
	k := keysOf(n.Digits())
	return s.state(ctx, n, sealedScript, []string{k.number(), k.stream(), k.passes()},
		append([]any{action, identity(string(rep)), k.digits, identity(s.actor(ctx)), adminFields(k.digits), milliseconds(s.keep)}, more...)...)
}

// sealed is a rep's pass whose PIN was not dialled yet.
func (st state) sealed(n gate.Number, rep gate.Rep) (sealedPass, bool) {
	f := strings.Split(st.fields[fieldSealed+identity(string(rep))], sep)
	if len(f) != 7 || !millis(f[0]).After(st.now) {
		return sealedPass{}, false
	}
	wrong, err := strconv.Atoi(f[6])
	p := Pass{ID: f[1], Rep: rep, Number: n, Until: millis(f[0]), Reason: unescape(f[2]), By: unescape(f[3]), Sealed: true}
	return sealedPass{p, f[4], f[5], wrong}, err == nil
}

// usePass opens a sealed pass with its PIN. Of one that needs none it says that it is there.
func (d *Desk) usePass(ctx context.Context, e gate.Errand) (gate.Outcome, error) {
	st, err := d.store.state(ctx, e.Number, holdingScript, []string{keysOf(e.Number.Digits()).number()})
	if err != nil {
		return gate.Outcome{}, err
	}
	sealed, ok := st.sealed(e.Number, e.Rep)
	switch open, is := st.pass(e.Number, e.Rep); {
	case is && !ok:
		return gate.Outcome{Result: gate.PassReady, Until: open.Until}, nil
	case !ok:
		return gate.Outcome{Result: gate.NoPass}, nil
	case e.PIN == "":
		return gate.Outcome{Result: gate.PINMissing}, nil
	}
	right, err := sealed.opens(e.PIN)
	if err != nil {
		return gate.Outcome{}, err
	}
	st, err = d.store.changeSealed(ctx, e.Number, "open", e.Rep, milliseconds(openFor), sealed.ID, "", "", "", flag(right), mostWrong)
	if err != nil {
		return gate.Outcome{}, err
	}
	switch st.outcome {
	case "done":
		open, _ := st.pass(e.Number, e.Rep)
		return gate.Outcome{Result: gate.PassReady, Until: open.Until}, nil
	case "wrong":
		sealed, _ = st.sealed(e.Number, e.Rep)
		return gate.Outcome{Result: gate.WrongPIN, Left: mostWrong - sealed.wrong}, nil
	case "burnt":
		return gate.Outcome{Result: gate.PassBurnt}, nil
	}
	if open, is := st.pass(e.Number, e.Rep); is { // opened meanwhile
		return gate.Outcome{Result: gate.PassReady, Until: open.Until}, nil
	}
	return gate.Outcome{Result: gate.NoPass}, nil
}
