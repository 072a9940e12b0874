package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"text/template"

	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/test/site"
)

// What Kamailio does per call. Equal work is the opponent that counts.
const (
	equalWork = "Kamailio, equal work"
	bareWork  = "Kamailio, bare"
)

// opponent is how Kamailio is set up.
type opponent struct {
	work    string // equalWork or bareWork
	redis   string // where it is, in the module's words: "unix=/path" or "addr=127.0.0.1;port=6379"
	workers int    // processes that read SIP; 0: one for each core
}

// kamailio starts Kamailio with ndb_redis.
func (s *stand) kamailio(ctx context.Context, name string, o opponent) (*proxy, error) {
	p, err := s.newProxy(name)
	if err != nil {
		return nil, err
	}
	config, err := s.configureKamailio(ctx, p, o)
	if err != nil {
		return nil, fmt.Errorf("kamailio's configuration: %w", err)
	}
	// fm is the quick allocator: q_malloc, Debian's default, makes Kamailio three times as slow.
	p.launch = func() (*site.Process, error) {
		return site.StartLogged(p.dir, filepath.Join(p.dir, "log"), "kamailio", "-DD", "-E", "-f", config, "-x", "fm", "-X", "fm",
			"-m", "2048", "-M", "16", "-Y", p.dir, "-w", p.dir, "-P", filepath.Join(p.dir, "kamailio.pid"))
	}
	return p, s.start(ctx, p)
}

func (s *stand) configureKamailio(ctx context.Context, p *proxy, o opponent) (file string, err error) {
	const modules = "/usr/lib/*/kamailio/modules/ndb_redis.so"
	found, err := filepath.Glob(modules)
	if err != nil || len(found) == 0 {
		return "", errors.Join(fmt.Errorf("no %s: run `make tools` as root, or `apt-get install kamailio-redis-modules`", modules), err)
	}
	t, err := template.ParseFiles(filepath.Join(s.root, "test", "kamailio", "bench.cfg.tmpl"))
	if err != nil {
		return "", err
	}
	decide := "bench-decide-bare.lua"
	if o.work == equalWork {
		decide = "bench-decide.lua"
	}
	values := map[string]any{
		"Gate": p.at, "Trunk": s.trunk, "Modules": filepath.Dir(found[0]) + "/", "Redis": o.redis, "Equal": o.work == equalWork,
		"Workers": cmp.Or(o.workers, runtime.NumCPU()),
	}
	for key, script := range map[string]string{"Decide": decide, "End": "bench-end.lua"} {
		if values[key], err = s.loadScript(ctx, script); err != nil {
			return "", err
		}
	}
	file = filepath.Join(p.dir, "kamailio.cfg")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return file, t.Execute(f, values)
}

// loadScript hands a script to Redis and returns the name that EVALSHA takes.
func (s *stand) loadScript(ctx context.Context, name string) (sha string, err error) {
	text, err := os.ReadFile(filepath.Join(s.root, "test", "kamailio", name))
	if err != nil {
		return "", err
	}
	err = s.withStore(ctx, 0, func(store *registry.Store) (err error) {
		sha, err = store.Client().ScriptLoad(ctx, string(text)).Result()
		return err
	})
	return sha, err
}

// nearby is the opponent with Redis on a unix socket.
func (s *stand) nearby(ctx context.Context, work string) (*proxy, error) {
	return s.kamailio(ctx, work, opponent{work: work, redis: "unix=" + s.redis.Socket})
}
