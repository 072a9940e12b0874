package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ringfence/ringfence/test/site"
)

//go:embed sipp/*.xml
var scripts embed.FS

// stand is what all measurements share: one Redis, the numbers in it, who calls and who answers. All of it is on
// loopback and on the same cores as what is measured, as on a small machine in production.
type stand struct {
	root   string // of the repository
	dir    string // for files of this run
	binary string // Ringfence
	redis  *site.Redis
	caller netip.AddrPort
	trunk  netip.AddrPort
	effort effort

	started []*proxy    // to be stopped
	callee  *site.Phone // answers all cells while calls are held; nil: each cell has its own
	cells   int         // counted, for names of files
}

// effort is how long and how often is measured.
type effort struct {
	quick bool
	pairs int     // counted rounds
	secs  float64 // a cell lasts
}

// newStand starts Redis and fills it. binary "" builds Ringfence.
func newStand(ctx context.Context, binary string, e effort) (_ *stand, err error) {
	s := &stand{effort: e, binary: binary}
	if s.root, err = repository(ctx); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "ringfence-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err = s.unpackScripts(); err != nil {
		return nil, err
	}
	for _, end := range []struct {
		at   *netip.AddrPort
		host string
	}{{&s.caller, "127.0.0.5"}, {&s.trunk, "127.0.0.2"}} {
		if *end.at, err = site.FreeAddress(netip.MustParseAddr(end.host)); err != nil {
			return nil, err
		}
	}
	if s.binary == "" {
		if s.binary, err = build(ctx, s.root, s.dir); err != nil {
			return nil, err
		}
	}
	if s.redis, err = site.StartRedis(s.dir); err != nil {
		return nil, err
	}
	return s, s.fill(ctx)
}

// repository is where go.mod is.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(mod) != "go.mod" {
		return "", errors.Join(fmt.Errorf("run this inside the repository: go env GOMOD says %q", mod), err)
	}
	return filepath.Dir(mod), nil
}

// build compiles Ringfence as `make build` does.
func build(ctx context.Context, root, dir string) (string, error) {
	binary := filepath.Join(dir, "ringfence")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/ringfence")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ./cmd/ringfence: %w\n%s", err, out)
	}
	return binary, nil
}

func (s *stand) unpackScripts() error {
	entries, err := scripts.ReadDir("sipp")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := scripts.ReadFile("sipp/" + entry.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, entry.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// close ends all that was started and removes the files.
func (s *stand) close() error {
	var all error
	for _, p := range s.started {
		all = errors.Join(all, p.stop())
	}
	if s.callee != nil {
		s.callee.Kill()
	}
	if s.redis != nil {
		s.redis.Kill() // it keeps nothing: there is nothing to be waited for
	}
	return errors.Join(all, os.RemoveAll(s.dir))
}

func (s *stand) file(name string) string { return filepath.Join(s.dir, name) }
