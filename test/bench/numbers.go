package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
	"github.com/ringfence/ringfence/registry/dnc"
)

// Who dials what. Each call takes the next number of its block, so that one that is up meets no other: at 20,000 calls a
// second a number comes round after a second.
const (
	caller   = "14155550100" // the rep who dials
	owner    = "2002"        // the rep who owns what is owned
	perBlock = 20_000
)

// block is a row of numbers that the registry thinks alike of.
type block uint64

// The blocks' first numbers, as they are dialled.
const (
	allowed block = 1_415_2000000
	listed  block = 1_212_2000000 // on a bulk do-not-call list
	owned   block = 1_646_2000000 // a colleague's: the registry has to be asked
	held    block = 1_503_2000000 // allowed, for calls that stay up while others are measured
)

// Databases of the one Redis. Kamailio's is 0.
const (
	ringfenceDB = 1
	slopesDB    = 2 // and those after it
)

func (s *stand) unixURL(db int) string { return fmt.Sprintf("unix://%s?db=%d", s.redis.Socket, db) }

// fill tells both registries the same about the same numbers, and writes SIPp's injection files.
func (s *stand) fill(ctx context.Context) error {
	for name, b := range map[string]block{"allowed.csv": allowed, "listed.csv": listed, "owned.csv": owned} {
		if err := s.writeNumbers(name, b, perBlock, 1); err != nil {
			return err
		}
	}
	if err := s.fillKamailio(ctx); err != nil {
		return fmt.Errorf("telling kamailio its numbers: %w", err)
	}
	return s.withStore(ctx, ringfenceDB, func(store *registry.Store) error {
		if err := loadList(ctx, store, uint64(listed), perBlock, 1); err != nil {
			return err
		}
		return claim(ctx, store, uint64(owned), perBlock)
	})
}

// writeNumbers makes an injection file: number and rep, the reps in turn.
func (s *stand) writeNumbers(name string, first block, numbers, reps int) error {
	var text bytes.Buffer
	text.WriteString("SEQUENTIAL\n")
	for i := range max(numbers, reps) {
		rep := caller
		if reps > 1 {
			rep = fmt.Sprint(100_000 + i%reps)
		}
		fmt.Fprintf(&text, "%d;%s;\n", uint64(first)+uint64(i%numbers), rep)
	}
	return os.WriteFile(s.file(name), text.Bytes(), 0o600)
}

func (s *stand) withStore(ctx context.Context, db int, use func(*registry.Store) error) error {
	store, err := registry.Open(ctx, registry.Config{URL: s.unixURL(db), Connections: 64}, registry.WithoutLists())
	if err != nil {
		return err
	}
	return errors.Join(use(store), store.Close())
}

// loadList makes the numbers first, first+step, … the bulk list "bench".
func loadList(ctx context.Context, store *registry.Store, first uint64, numbers int, step uint64) error {
	var b dnc.Builder
	for i := range numbers {
		if err := b.Add(first + uint64(i)*step); err != nil {
			return err
		}
	}
	_, err := dnc.NewStore(store.Client()).Load(ctx, "bench", b.Set(), dnc.Meta{By: "bench", Source: "bench"}, dnc.LoadOptions{})
	return err
}

// claimers are how many claims are on their way at once.
const claimers = 32

// claim makes owner the owner of the numbers from first on.
func claim(ctx context.Context, store *registry.Store, first uint64, numbers int) error {
	failed := make([]error, claimers)
	var working sync.WaitGroup
	for w := range claimers {
		working.Go(func() {
			for i := w; i < numbers && failed[w] == nil; i += claimers {
				number := gate.Number(fmt.Sprintf("+%d", first+uint64(i)))
				within, cancel := context.WithTimeout(ctx, 5*time.Second)
				_, failed[w] = store.Claim(within, number, registry.ClaimOrder{Rep: owner, For: 30 * 24 * time.Hour})
				cancel()
			}
		})
	}
	working.Wait()
	return errors.Join(failed...)
}

// fillKamailio writes the keys that its scripts read.
func (s *stand) fillKamailio(ctx context.Context) error {
	return s.withStore(ctx, 0, func(store *registry.Store) error {
		p := store.Client().Pipeline()
		p.HSet(ctx, "cfg", "limit", 5)
		for i := range uint64(perBlock) {
			for _, b := range []block{allowed, listed} {
				p.Set(ctx, fmt.Sprintf("own:%d", uint64(b)+i), caller, 0)
			}
			number := fmt.Sprint(uint64(listed) + i)
			p.SAdd(ctx, "dnc:"+number[:7], number)
		}
		_, err := p.Exec(ctx)
		return err
	})
}
