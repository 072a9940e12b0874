package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/sip"
	"github.com/ringfence/ringfence/sip/identity"
)

// passwordReport is what rep password prints.
type passwordReport struct {
	Rep      gate.Rep `json:"rep"`
	Realm    string   `json:"realm,omitempty"`
	Changed  string   `json:"changed"`            // set or removed
	Password string   `json:"password,omitempty"` // --generate only: it is shown this once
}

func (sh *shell) newRepPasswordCommand() *cobra.Command {
	var generate, remove bool
	cmd := &cobra.Command{
		Use: "password ID", Short: "give a rep the password with which a phone proves who is dialling",
		Long: `Gives a rep a password for peers with identity: digest. It is read from standard input, one line, and at a terminal
asked for twice. The registry keeps no password, only what stands for it (RFC 7616: H(ID:realm:password), by SHA-256 and by
MD5, for the realm sip.digest.realm). It counts from the next call on, at every gate.`,
		Example: `  ringfence rep password 201 < password.txt
  ringfence rep password 201 --generate
  ringfence rep password 201 --remove`,
		Args: oneArg("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			rep, err := digestUser(args[0])
			if err != nil {
				return err
			}
			return sh.withClient(cmd.Context(), false, func(ctx context.Context, c *client) error {
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				if remove {
					return sh.removePassword(ctx, c, rep)
				}
				return sh.setPassword(ctx, c, rep, generate)
			})
		},
	}
	cmd.Flags().BoolVar(&generate, "generate", false, "make one up and print it, this once")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the password away: the rep's phones can place no call any more")
	cmd.MarkFlagsMutuallyExclusive("generate", "remove")
	return cmd
}

// digestUser reads the id of a rep who is to have a password: in HA1 a colon ends the name.
func digestUser(text string) (gate.Rep, error) {
	rep, err := repOf(text)
	if err == nil && (strings.Contains(text, ":") || len(text) > identity.MaxUser) {
		err = usagef("%q cannot have a password: an id that has one holds no colon and at most %d bytes", clipped(text), identity.MaxUser)
	}
	return rep, err
}

func clipped(s string) string { return s[:min(len(s), identity.MaxUser)] }

func (sh *shell) removePassword(ctx context.Context, c *client, rep gate.Rep) error {
	err := c.store.RemovePassword(ctx, rep)
	if errors.Is(err, registry.ErrNoPassword) {
		return fmt.Errorf("%s has no password in the registry; one in sip.digest.users_file is removed there", rep)
	}
	if err != nil {
		return err
	}
	return sh.printPassword(passwordReport{Rep: rep, Changed: "removed"})
}

func (sh *shell) setPassword(ctx context.Context, c *client, rep gate.Rep, generate bool) error {
	report := passwordReport{Rep: rep, Realm: cmp.Or(c.cfg.SIP.Digest.Realm, sip.DefaultRealm), Changed: "set"}
	var password string
	if generate {
		password = rand.Text()
		report.Password = password
	} else {
		var err error
		if password, err = sh.readPassword(); err != nil {
			return err
		}
	}
	forms := map[string]string{}
	for _, a := range []identity.Algorithm{identity.SHA256, identity.MD5} {
		forms[a.String()] = a.HA1(string(rep), report.Realm, password)
	}
	if err := c.store.SetPassword(ctx, rep, report.Realm, forms); err != nil {
		return err
	}
	return sh.printPassword(report)
}

// Bounds of a password, in characters and bytes.
const (
	shortestPassword = 8
	longestPassword  = 256
)

// readPassword reads one line of standard input, without showing it at a terminal.
func (sh *shell) readPassword() (string, error) {
	var password string
	var err error
	if file, ok := sh.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		password, err = sh.askPassword(int(file.Fd()))
	} else {
		password, err = bufio.NewReader(io.LimitReader(sh.stdin, longestPassword+2)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	password = strings.TrimRight(password, "\r\n")
	switch {
	case err != nil:
		return "", fmt.Errorf("the password cannot be read: %w", err)
	case utf8.RuneCountInString(password) < shortestPassword || len(password) > longestPassword:
		return "", fmt.Errorf("the password has fewer than %d characters or more than %d bytes; choose another, or use --generate",
			shortestPassword, longestPassword)
	case strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("the password holds a control character, which no phone could send; choose another")
	}
	return password, nil
}

func (sh *shell) askPassword(terminal int) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(sh.stderr, prompt)
		text, err := term.ReadPassword(terminal)
		fmt.Fprintln(sh.stderr)
		return string(text), err
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Again: ")
	if err == nil && first != second {
		err = errors.New("it was not the same twice")
	}
	return first, err
}

func (sh *shell) printPassword(r passwordReport) error {
	return sh.print(r, func(w io.Writer) {
		row(w, "REP", "REALM", "PASSWORD", "CHANGE")
		row(w, string(r.Rep), r.Realm, r.Password, r.Changed)
	})
}
