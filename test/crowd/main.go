// Command crowd makes more calls than SIPp can, and answers them: by plain sockets, many datagrams a system call, and with
// no opinion about what comes back but a count of it. It does what the lines on its standard input say, one offering a
// line, and answers each with a line of what became of it; both are JSON (test/site has the types and starts it). The
// trunk answers for as long as the program runs, whoever calls.
//
//	crowd -gate 127.0.0.1:5060 -at 127.0.0.5:5070 -trunk 127.0.0.2:5080
//	{"rate": 20000, "for": 1000000000, "first": 12112000000, "many": 200000}
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/ringfence/ringfence/test/site"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var gate, at, trunk netip.AddrPort
	flag.TextVar(&gate, "gate", netip.AddrPort{}, "where calls are sent")
	flag.TextVar(&at, "at", netip.AddrPort{}, "where they come from")
	flag.TextVar(&trunk, "trunk", netip.AddrPort{}, "where calls that are let out are answered")
	flag.Parse()
	if !gate.IsValid() || !at.IsValid() || !trunk.IsValid() {
		return errors.New("-gate, -at and -trunk say who is where: host:port each")
	}
	answering, err := openTrunk(trunk)
	if err != nil {
		return err
	}
	defer answering.Close()
	calling, err := openSocket(at)
	if err != nil {
		return err
	}
	defer calling.Close()
	answers := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var o site.Offering
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("%q is no offering: %w", lines.Text(), err)
		}
		became, err := offer(calling, gate, o)
		if err != nil {
			return err
		}
		if err := answers.Encode(became); err != nil {
			return err
		}
	}
	return nil
}
