package identity

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // RFC 7616 has it, and half of all phones know nothing else
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Directory is what the company knows about digest users beyond sip.digest.users_file. Nothing else in this package
// waits; it is asked with a deadline.
type Directory interface {
	// HA1 is H(user:realm:password) in hexadecimal by the algorithm "MD5" or "SHA-256" (RFC 7616 §3.4.2). known is false
	// for a user who is not there or has no such password; an error means that it could not be told.
	HA1(ctx context.Context, user, realm, algorithm string) (ha1 string, known bool, err error)
}

// Algorithm is a hash that digest credentials are made with.
type Algorithm uint8

// The algorithms, strongest first: the order in which they are offered (RFC 8760 §2.4).
const (
	SHA256 Algorithm = iota
	MD5
	algorithmCount
)

var algorithmNames = [algorithmCount]string{"SHA-256", "MD5"}

func (a Algorithm) String() string { return algorithmNames[a] }

// ParseAlgorithm reads an algorithm's name in any case.
func ParseAlgorithm(name string) (Algorithm, error) {
	for a, n := range algorithmNames {
		if strings.EqualFold(n, name) {
			return Algorithm(a), nil
		}
	}
	return 0, fmt.Errorf("unknown algorithm %q: use SHA-256 or MD5", name)
}

// size is how many hexadecimal digits a hash has.
func (a Algorithm) size() int {
	if a == MD5 {
		return 2 * md5.Size
	}
	return 2 * sha256.Size
}

// hash is H(parts joined by colons), in lower-case hexadecimal.
func (a Algorithm) hash(parts ...string) string {
	text := []byte(strings.Join(parts, ":"))
	if a == MD5 {
		sum := md5.Sum(text) //nolint:gosec // see above
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// HA1 is what is stored in a password's place.
func (a Algorithm) HA1(user, realm, password string) string { return a.hash(user, realm, password) }

// Users are those of a users file: what each has in the place of a password, by algorithm; "" where there is none.
type Users map[string]*[algorithmCount]string

// MaxUser is the longest name of a user, in bytes.
const MaxUser = 128

// ParseUsers reads a users file: "user:realm:HA1" (htdigest's, MD5) or "user:realm:SHA-256:HA1", one a line; empty lines
// and those that begin with "#" say nothing. All mistakes come at once, each with its line; none repeats what it says.
func ParseUsers(content []byte, realm string) (Users, error) {
	users := Users{}
	var errs []error
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := users.add(line, realm); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, err)
	}
	return users, errors.Join(errs...)
}

func (u Users) add(line, realm string) error {
	fields := strings.Split(line, ":")
	a := MD5
	switch len(fields) {
	case 3:
	case 4:
		var err error
		if a, err = ParseAlgorithm(fields[2]); err != nil {
			return err
		}
	default:
		return errors.New("write user:realm:HA1 or user:realm:SHA-256:HA1")
	}
	name, ha1 := fields[0], strings.ToLower(fields[len(fields)-1])
	switch raw, err := hex.DecodeString(ha1); {
	case name == "" || len(name) > MaxUser:
		return fmt.Errorf("the user's name is empty or longer than %d bytes", MaxUser)
	case fields[1] != realm:
		return fmt.Errorf("the realm is not that of sip.digest.realm, %q, so these credentials could never be right", realm)
	case err != nil || 2*len(raw) != a.size():
		return fmt.Errorf("an HA1 of %v has %d hexadecimal digits", a, a.size())
	}
	if u[name] == nil {
		u[name] = new([algorithmCount]string)
	}
	if u[name][a] != "" {
		return fmt.Errorf("this user has a %v line above", a)
	}
	u[name][a] = ha1
	return nil
}

// Lacking counts the users without a password in the form of a.
func (u Users) Lacking(a Algorithm) (n int) {
	for _, forms := range u {
		if forms[a] == "" {
			n++
		}
	}
	return n
}

func (u Users) ha1(user string, a Algorithm) (string, bool) {
	forms := u[user]
	if forms == nil || forms[a] == "" {
		return "", false
	}
	return forms[a], true
}
