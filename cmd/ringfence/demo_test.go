package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/phone"
)

// builtProgram is the program as a user has it.
func builtProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ringfence")
	said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", said)
	return program
}

func TestDemoOnce(t *testing.T) {
	t.Parallel()
	program := builtProgram(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	run := func(args ...string) (stdout, stderr string, err error) {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(ctx, program, append([]string{"demo", "--once", "--listen", "127.0.0.1:0"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err = cmd.Run()
		return out.String(), errs.String(), err
	}

	t.Run("json", func(t *testing.T) {
		t.Parallel()
		stdout, stderr, err := run("--output", "json")
		require.NoError(t, err, stderr)
		assert.Empty(t, stderr)
		var report demoReport
		require.NoError(t, json.Unmarshal([]byte(stdout), &report))
		assert.Empty(t, report.Differs)
		assert.Len(t, report.SIP, 2)
		assert.True(t, strings.HasPrefix(report.Registry, "redis://127.0.0.1:"), report.Registry)
		var outcomes, transports []string
		for _, c := range report.Calls {
			outcomes = append(outcomes, c.Verdict+" "+c.Reason)
			transports = append(transports, c.Transport)
			assert.True(t, c.Expected, "%+v", c)
		}
		assert.ElementsMatch(t, []string{
			"allow allowed", "allow owner", "redirect owned", "block refused", "block dnc", "allow allowed", "block in_flight",
			"allow emergency", "allow internal", "block invalid_number",
		}, outcomes)
		assert.Contains(t, transports, "udp")
		assert.Contains(t, transports, "tcp")
	})

	t.Run("table", func(t *testing.T) {
		t.Parallel()
		stdout, stderr, err := run("--language", "zh")
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, "话机收到")
		assert.Contains(t, stdout, "号码在免打扰名单上")
		assert.NotContains(t, stdout, "\x1b", "colours are for terminals")
		assert.NotContains(t, stdout, "Ctrl-C", "it does not go on serving")
	})
}

// TestDemoTakesASoftphone leaves the doors open and comes in with a phone of our own.
func TestDemoTakesASoftphone(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := demo(ctx, demoOptions{listen: netip.MustParseAddrPort("127.0.0.1:0"), language: "en"}, writer, io.Discard)
		ended <- errors.Join(err, writer.Close())
	}()
	var server string
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "server" {
			server = fields[1]
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	require.NotEmpty(t, server)

	soft, err := phone.New(phone.Config{User: demoSoftphone, Proxy: server})
	require.NoError(t, err)
	defer func() { assert.NoError(t, soft.Close()) }()
	require.NoError(t, soft.Register(ctx))
	o, err := soft.Call(ctx, string(demoListed))
	require.NoError(t, err)
	assert.Equal(t, 403, o.Status)
	o, err = soft.Call(ctx, demoSoftphone)
	require.NoError(t, err)
	assert.Equal(t, 200, o.Status, "it rings itself, by way of the gate, the PBX and the gate again")
	assert.Len(t, soft.Received(), 1)

	stop()
	require.NoError(t, <-ended)
}

func TestDemoSaysWhenItsPlaceIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	o := demoOptions{listen: netip.MustParseAddrPort(taken.Addr().String()), language: "en", once: true}
	err = demo(t.Context(), o, io.Discard, io.Discard)
	require.ErrorContains(t, err, "--listen 127.0.0.1:0")
}

func TestDemoFlags(t *testing.T) {
	for _, args := range [][]string{{"--listen", "nowhere"}, {"--language", "fr"}, {"--listen", "127.0.0.1"}} {
		cmd := newDemoCommand()
		cmd.SetArgs(args)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		var usage usageError
		require.ErrorAs(t, cmd.Execute(), &usage, args)
	}
}

// TestDemoNamesWhatDiffered: a demonstration that cannot fail would show nothing.
func TestDemoNamesWhatDiffered(t *testing.T) {
	good := demoCall{Rep: "201", Dialled: "1", Number: "+1", Verdict: "allow", Reason: "allowed", Status: 200, AnsweredBy: "+1"}
	scene := demoScene{expected: []demoExpected{{gate.Allow, gate.Allowed, "+1", 200, "+1"}}}
	tests := []struct {
		name   string
		change func(*demoCall)
		says   string
	}{
		{"as expected", func(*demoCall) {}, ""},
		{"verdict", func(c *demoCall) { c.Verdict = "block" }, "verdict: expected allow, got block"},
		{"no decision", func(c *demoCall) { c.Verdict = "" }, "verdict: expected allow, got "},
		{"reason", func(c *demoCall) { c.Reason = "owner" }, "reason: expected allowed, got owner"},
		{"number", func(c *demoCall) { c.Number = "+2" }, "number: expected +1, got +2"},
		{"answer", func(c *demoCall) { c.Status = 503 }, "answer: expected 200, got 503"},
		{"who answered", func(c *demoCall) { c.AnsweredBy = "Li Na" }, "answered by: expected +1, got Li Na"},
		{"failed", func(c *demoCall) { c.Error = "no route" }, "no route"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			r := demoResult{scene: scene, calls: []demoCall{c}}
			r.compare()
			var report demoReport
			report.add(r)
			assert.Equal(t, tt.says == "", r.calls[0].Expected)
			if tt.says == "" {
				require.NoError(t, report.err())
				return
			}
			require.ErrorContains(t, report.err(), "201 dials 1: "+tt.says)
		})
	}
}

// TestDemoRaceMayGoEitherWay, but not both ways.
func TestDemoRaceMayGoEitherWay(t *testing.T) {
	won := demoCall{Verdict: "allow", Reason: "allowed", Number: string(demoRaced), Status: 200, AnsweredBy: string(demoRaced)}
	lost := demoCall{Verdict: "block", Reason: "in_flight", Number: string(demoRaced), Status: 403}
	var race demoScene
	for _, s := range demoScenes {
		if s.either {
			race = s
		}
	}
	for _, tt := range []struct {
		calls []demoCall
		ok    bool
	}{
		{[]demoCall{won, lost}, true}, {[]demoCall{lost, won}, true}, {[]demoCall{won, won}, false}, {[]demoCall{lost, lost}, false},
	} {
		r := demoResult{scene: race, calls: tt.calls}
		r.compare()
		assert.Equal(t, tt.ok, len(r.differs) == 0, "%v", r.differs)
	}
}

// TestDemoTableIsAligned looks where each column begins on the screen: a Chinese character takes two places.
func TestDemoTableIsAligned(t *testing.T) {
	for _, language := range []string{"en", "zh"} {
		t.Run(language, func(t *testing.T) {
			var out bytes.Buffer
			table := newDemoTable(&out, demoOptions{language: language})
			table.line(table.heads(), bold)
			first := out.String()
			out.Reset()
			table.scene(demoResult{calls: []demoCall{{
				Rep: "203", Transport: "tcp", Dialled: "1", Number: "+12125550144", Verdict: "redirect", Reason: "owned", Status: 200, Phrase: "OK", took: "1 µs",
			}}})
			row := strings.Split(strings.TrimSpace(out.String()), "\n")
			assert.Equal(t, column(first, table.heads()[7]), column(row[len(row)-1], "200 OK"))
			assert.Equal(t, column(first, table.heads()[4]), column(row[len(row)-1], "redirect"))
		})
	}
}

// column is where text begins on the screen.
func column(line, text string) int {
	before, _, _ := strings.Cut(line, text)
	return uniseg.StringWidth(before)
}
