package site

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Baresip is a softphone that people use, without sound: it registers when it is told to, calls whom it is told to, and
// ends when its time is over.
type Baresip struct {
	User     string
	Password string         // what it proves itself with when it is asked; "": nothing
	At       netip.AddrPort // where it listens, and sends from by UDP; by TCP the kernel chooses
	Control  netip.AddrPort // where it takes Dial
	Gate     netip.AddrPort // its outbound proxy, and its registrar's host
	Protocol Protocol
	Register bool
	For      time.Duration // whole seconds until it hangs up and ends
	Dir      string        // for its files, of its own

	*Process
}

// Start runs it and returns when it takes commands.
func (b *Baresip) Start() (err error) {
	if err := b.write(); err != nil {
		return err
	}
	b.Process, err = start(b.Dir, "baresip", "-f", b.Dir, "-t", strconv.Itoa(int(b.For.Seconds())))
	if err != nil {
		return err
	}
	return b.ready(10*time.Second, func() bool { return listens(TCP, b.Control) })
}

// Dial has it call a number. Its answer, which may come long after, is not waited for.
func (b *Baresip) Dial(number string) error {
	c, err := net.Dial("tcp", b.Control.String())
	if err != nil {
		return fmt.Errorf("baresip's control port: %w", err)
	}
	defer c.Close()
	command, err := json.Marshal(map[string]string{"command": "dial", "params": fmt.Sprintf("sip:%s@%s", number, b.Gate)})
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintf(c, "%d:%s,", len(command), command); err != nil { // a netstring
		return err
	}
	_, err = c.Read(make([]byte, 1)) // it says that it has understood
	return err
}

func (b *Baresip) write() error {
	modules, err := filepath.Glob("/usr/lib*/baresip/modules")
	if err != nil || len(modules) == 0 {
		return fmt.Errorf("no modules under /usr/lib/baresip: is the package %s installed?", packages["baresip"])
	}
	config := []string{
		"sip_listen " + b.At.String(), "ctrl_tcp_listen " + b.Control.String(), "module_path " + modules[0],
		"module g711.so", "module_tmp account.so", "module_app menu.so", "module_app ctrl_tcp.so",
	}
	interval := 0
	if b.Register {
		interval = 600 // s
	}
	account := fmt.Sprintf("<sip:%s@%s;transport=%s>;regint=%d;outbound=%q", b.User, b.Gate, b.Protocol, interval,
		fmt.Sprintf("sip:%s;transport=%s", b.Gate, b.Protocol))
	if b.Password != "" {
		account += ";auth_user=" + b.User + ";auth_pass=" + b.Password
	}
	for name, text := range map[string]string{"config": strings.Join(config, "\n"), "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}
