package requests

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// lookEvery is how late something that happens by itself may be.
const lookEvery = time.Second

// How many are worked on in one go, so that a gate that was away does not hold the server up.
const (
	dueAtOnce   = 100
	relayAtOnce = 200
)

// Run lets happen what happens by itself, until ctx ends: escalation, expiry, effects that were interrupted, records that
// were not written. Any number of gates may run it: each change happens once.
func (b *Book) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := b.Step(ctx); err != nil && ctx.Err() == nil {
			b.Log(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Step is one look at what is due.
func (b *Book) Step(ctx context.Context) error {
	ids, err := b.due(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := b.move(ctx, id); err != nil {
			b.Log(err) // one that cannot be moved holds up no other
		}
	}
	return b.relay(ctx)
}

func (b *Book) due(ctx context.Context) ([]string, error) {
	now, err := b.Client.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("requests: %w", err)
	}
	ids, err := b.Client.ZRangeByScore(ctx, keyDue, &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: dueAtOnce,
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("requests: what is due: %w", err)
	}
	return ids, nil
}

func (b *Book) move(ctx context.Context, id string) error {
	list, err := dueScript.Run(ctx, b.Client, changeKeys(id), id, b.Keep.Milliseconds()).StringSlice()
	if err != nil {
		return fmt.Errorf("requests: moving %s on: %w", id, err)
	}
	if list[0] == "effect" {
		_, err = b.carryOut(ctx, id)
	}
	return err
}

// relay writes changes into the records of their numbers and forgets them. Two may relay the same one: its record is
// written once.
func (b *Book) relay(ctx context.Context) error {
	for {
		entries, err := b.Client.XRangeN(ctx, keyOut, "-", "+", relayAtOnce).Result()
		if err != nil {
			return fmt.Errorf("requests: reading what is to be recorded: %w", err)
		}
		for _, e := range entries {
			if err := b.Records.RecordRequest(ctx, changeOf(e)); err != nil {
				return fmt.Errorf("requests: recording: %w", err)
			}
			if err := b.Client.XDel(ctx, keyOut, e.ID).Err(); err != nil {
				return fmt.Errorf("requests: recording: %w", err)
			}
		}
		if len(entries) < relayAtOnce {
			return nil
		}
	}
}

func changeOf(e redis.XMessage) Change {
	text := func(field string) string { s, _ := e.Values[field].(string); return s }
	return Change{
		Mark: "request " + e.ID, Request: text("id"), What: text("what"), By: text("by"), Reason: text("reason"),
		State: State(text("state")), Step: text("step"), Kind: Kind(text("kind")), Number: gate.Number("+" + text("number")),
		Scope: gate.Scope(text("scope")), Rep: gate.Rep(text("rep")), To: gate.Rep(text("to")),
	}
}
