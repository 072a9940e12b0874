package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// demoRep is a rep with a built-in phone.
type demoRep struct{ id, name, transport string }

// demoReps are those who own something over UDP, so that the way back to their phones needs no open connection.
var demoReps = []demoRep{
	{"201", "Zhang Wei", "udp"},
	{"202", "Li Na", "udp"},
	{"203", "Amara Okafor", "tcp"},
	{"204", "Sam Reed", "tcp"},
}

func demoRepOf(id string) demoRep {
	for _, r := range demoReps {
		if r.id == id {
			return r
		}
	}
	return demoRep{id: id}
}

// The numbers are of the range that is kept for fiction.
const (
	demoRegion = "US"

	demoFree    = gate.Number("+12125550111") // 201's after the first scene
	demoOwned   = gate.Number("+12125550122") // 202's from the start
	demoRefused = gate.Number("+12125550133")
	demoListed  = gate.Number("+12125550144")
	demoRaced   = gate.Number("+12125550155")
	demoUnused  = gate.Number("+12125550166") // for whoever tries a softphone

	demoList      = "company"
	demoSoftphone = "205" // a user name that no built-in phone has
)

// seed writes what the company knows before the first call.
func (h *demoHouse) seed(ctx context.Context) error {
	terms := h.gate.Terms()
	if _, err := h.store.Claim(ctx, demoOwned, registry.ClaimOrder{Rep: "202", Extension: "202", Terms: terms}); err != nil {
		return err
	}
	if _, err := h.store.Refuse(ctx, demoRefused, "203", terms.CoolDown, "not interested"); err != nil {
		return err
	}
	return h.store.AddListed(ctx, demoList, demoListed, "asked by letter")
}

// becomesOwned waits until rep owns n: the gate writes that down behind the call's back.
func (h *demoHouse) becomesOwned(ctx context.Context, n gate.Number, rep gate.Rep) error {
	const lookEvery, patience = 10 * time.Millisecond, 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		holding, err := h.store.Owner(ctx, n)
		if err == nil && holding.Owner == rep && holding.Flight == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the owner afterwards: expected %q, got %q", rep, holding.Owner)
		}
	}
}
