package sip

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringfence/ringfence/sip/identity"
)

// Digest is the `sip.digest:` part: how the reps of peers with identity digest prove who they are. Comments give default
// and unit.
type Digest struct {
	Realm      string   `yaml:"realm"`      // ringfence; it goes into every stored password
	UsersFile  string   `yaml:"users_file"` // user:realm:HA1 or user:realm:SHA-256:HA1, one a line; default: only those of the registry
	Algorithms []string `yaml:"algorithms"` // [SHA-256, MD5]
	NonceLife  Duration `yaml:"nonce_life"` // 5m
	Failures   int      `yaml:"failures"`   // 20: wrong passwords of one user from one address …
	Within     Duration `yaml:"within"`     // 10m: … in this time …
	Ban        Duration `yaml:"ban"`        // 1h: … and that user is not answered to that address for so long
}

// DefaultRealm is sip.digest.realm when nothing is written.
const DefaultRealm = "ringfence"

func (d Digest) withDefaults() Digest {
	if d.Realm == "" {
		d.Realm = DefaultRealm
	}
	if len(d.Algorithms) == 0 {
		d.Algorithms = []string{identity.SHA256.String(), identity.MD5.String()}
	}
	if d.Failures == 0 {
		d.Failures = 20
	}
	for _, t := range []struct {
		set *Duration
		or  time.Duration
	}{{&d.NonceLife, 5 * time.Minute}, {&d.Within, 10 * time.Minute}, {&d.Ban, time.Hour}} {
		if *t.set == 0 {
			*t.set = Duration(t.or)
		}
	}
	return d
}

// Bounds of the keys. A realm stands in a quoted string and between the colons of a users file.
const (
	maxRealm     = 64
	maxUsersFile = 16 << 20 // bytes
	leastLife    = Duration(10 * time.Second)
	mostLife     = Duration(24 * time.Hour)
)

func (d Digest) validate() (errs []keyError) {
	d = d.withDefaults()
	bad := func(key, format string, args ...any) { errs = append(errs, keyError{key, fmt.Errorf(format, args...)}) }
	odd := func(r rune) bool { return r < ' ' || r >= 0x7f || strings.ContainsRune(`"\:`, r) }
	if len(d.Realm) > maxRealm || strings.ContainsFunc(d.Realm, odd) {
		bad("realm", "write at most %d ASCII characters without quotes, backslashes and colons", maxRealm)
	}
	for i, name := range d.Algorithms {
		if _, err := identity.ParseAlgorithm(name); err != nil {
			bad(fmt.Sprintf("algorithms[%d]", i), "%w", err)
		}
	}
	if d.NonceLife < leastLife || d.NonceLife > mostLife {
		bad("nonce_life", "%v is out of range; write %v to %v", d.NonceLife, leastLife, mostLife)
	}
	if d.Failures < 1 {
		bad("failures", "%d is out of range; write 1 or more", d.Failures)
	}
	if d.Within < 0 {
		bad("within", "%v is no time to come", d.Within)
	}
	if d.Ban < 0 {
		bad("ban", "%v is no time to come", d.Ban)
	}
	if _, err := d.users(); err != nil {
		bad("users_file", "%w", err)
	}
	return errs
}

// users reads the users file; nil without one.
func (d Digest) users() (identity.Users, error) {
	if d.UsersFile == "" {
		return nil, nil //nolint:nilnil // all users are in the registry
	}
	content, err := readUsersFile(d.UsersFile)
	if err != nil {
		return nil, err
	}
	users, err := identity.ParseUsers(content, d.Realm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.UsersFile, err)
	}
	return users, nil
}

// realm makes ready what digest peers are asked for; nil when there are none. It reads the users file.
func (c Config) realm(log zerolog.Logger) (*identity.Realm, error) {
	if !slices.ContainsFunc(c.Peers, func(p Peer) bool { return p.Identity == "digest" }) {
		return nil, nil //nolint:nilnil // nobody is to be asked
	}
	d := c.Digest.withDefaults()
	r := &identity.Realm{Name: d.Realm, NonceLife: d.NonceLife.Std(), Ban: identity.Ban{Failures: d.Failures, Within: d.Within.Std(), For: d.Ban.Std()}}
	for _, name := range d.Algorithms {
		a, err := identity.ParseAlgorithm(name)
		if err != nil {
			return nil, fmt.Errorf("sip.digest.algorithms: %w", err)
		}
		if !slices.Contains(r.Algorithms, a) {
			r.Algorithms = append(r.Algorithms, a)
		}
	}
	slices.Sort(r.Algorithms) // strongest first
	var err error
	if r.Users, err = d.users(); err != nil {
		return nil, fmt.Errorf("sip.digest.users_file: %w", err)
	}
	for _, a := range r.Algorithms {
		if n := r.Users.Lacking(a); n > 0 {
			log.Warn().Int("users", n).Stringer("algorithm", a).Msg("these users of sip.digest.users_file have no password in this form: phones that choose it " +
				"are refused; add a line for each, or leave the algorithm out of sip.digest.algorithms")
		}
	}
	return r, nil
}

func readUsersFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxUsersFile+1))
	if err == nil && len(content) > maxUsersFile {
		err = errors.New("it is larger than 16 MiB: keep so many users in the registry (ringfence rep password)")
	}
	return content, err
}
