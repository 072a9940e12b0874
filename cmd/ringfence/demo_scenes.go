package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/phone"
)

// demoScene is one thing that happens in a sales team every day: calls placed in the same instant.
type demoScene struct {
	title demoText
	calls []demoDialling
	// expected is what should become of the calls, one for each; either lets them change places.
	expected []demoExpected
	either   bool
	owner    gate.Rep // who owns demoFree afterwards; "": not looked at
}

type demoDialling struct{ rep, text string }

// demoExpected is how a call should come out. Nobody has to answer when by is "".
type demoExpected struct {
	verdict gate.Verdict
	reason  gate.Reason
	number  string
	status  int
	by      string
}

// demoScenes in the order in which they are played: each leaves what the next one finds.
var demoScenes = []demoScene{
	{
		title:    demoText{"A free number. It is answered, and from then on 201's customer.", "无主号码：接通后，客户归 201 所有。"},
		calls:    []demoDialling{{"201", "212-555-0111"}},
		expected: []demoExpected{{gate.Allow, gate.Allowed, string(demoFree), 200, string(demoFree)}},
		owner:    "201",
	}, {
		title:    demoText{"The owner calls again, written another way.", "归属人换一种写法再次拨打。"},
		calls:    []demoDialling{{"201", "+1(212)555.0111"}},
		expected: []demoExpected{{gate.Allow, gate.OwnerCalls, string(demoFree), 200, string(demoFree)}},
	}, {
		title:    demoText{"A colleague calls 201's customer, and 201's phone rings instead.", "同事拨打 201 的客户：改为接通 201。"},
		calls:    []demoDialling{{"203", "12125550111"}},
		expected: []demoExpected{{gate.Redirect, gate.Owned, string(demoFree), 200, "Zhang Wei"}},
	}, {
		title:    demoText{"This customer said no last week.", "该客户近期已拒绝。"},
		calls:    []demoDialling{{"204", "2125550133"}},
		expected: []demoExpected{{gate.Block, gate.Refused, string(demoRefused), 403, ""}},
	}, {
		title:    demoText{"This number is on the company's do-not-call list.", "号码在公司的免打扰名单上。"},
		calls:    []demoDialling{{"203", "tel:+1-212-555-0144"}},
		expected: []demoExpected{{gate.Block, gate.DNC, string(demoListed), 403, ""}},
	}, {
		title: demoText{"Two reps dial one number in the same instant: exactly one gets through.", "两人同时拨打同一号码：只有一人接通。"},
		calls: []demoDialling{{"202", "+12125550155"}, {"204", "(212)555-0155"}},
		expected: []demoExpected{
			{gate.Allow, gate.Allowed, string(demoRaced), 200, string(demoRaced)},
			{gate.Block, gate.InFlight, string(demoRaced), 403, ""},
		},
		either: true,
	}, {
		title:    demoText{"An emergency call waits for nothing.", "紧急呼叫无需等待。"},
		calls:    []demoDialling{{"202", "911"}},
		expected: []demoExpected{{gate.Allow, gate.Emergency, "911", 200, "911"}},
	}, {
		title:    demoText{"Inside the company everybody may ring everybody.", "公司内部分机可随意互拨。"},
		calls:    []demoDialling{{"203", "202"}},
		expected: []demoExpected{{gate.Allow, gate.Internal, "202", 200, "Li Na"}},
	}, {
		title:    demoText{"A letter among the digits: not a number.", "号码中混入字母，无法识别。"},
		calls:    []demoDialling{{"204", "212-555-01O0"}},
		expected: []demoExpected{{gate.Block, gate.InvalidNumber, "", 404, ""}},
	},
}

// demoResult is a scene that has been played.
type demoResult struct {
	scene   demoScene
	calls   []demoCall
	differs []string // in what it did not come out as expected
}

// play places a scene's calls in the same instant, waits until all are over and compares.
func (h *demoHouse) play(ctx context.Context, s demoScene) demoResult {
	r := demoResult{scene: s, calls: make([]demoCall, len(s.calls))}
	var ready, over sync.WaitGroup
	start := make(chan struct{})
	for i, c := range s.calls {
		ready.Add(1)
		over.Go(func() {
			ready.Done()
			<-start
			r.calls[i] = h.call(ctx, c)
		})
	}
	ready.Wait()
	close(start)
	over.Wait()

	r.compare()
	if s.owner != "" {
		if err := h.becomesOwned(ctx, demoFree, s.owner); err != nil {
			r.differs = append(r.differs, err.Error())
		}
	}
	return r
}

// call places one call and puts what the gate decided beside what the phone was told.
func (h *demoHouse) call(ctx context.Context, d demoDialling) demoCall {
	c := demoCall{Rep: d.rep, Transport: demoRepOf(d.rep).transport, Dialled: d.text}
	outcome, err := h.phones[d.rep].Call(ctx, d.text)
	if err != nil {
		c.Error = err.Error()
	}
	if outcome == nil {
		outcome = &phone.Outcome{}
	}
	c.told(outcome)
	if decision, ok := h.decision(outcome.CallID); ok {
		c.decided(decision)
	}
	return c
}

// compare notes what came out differently. Of calls that may change places the better order counts.
func (r *demoResult) compare() {
	expected := r.scene.expected
	if r.scene.either && len(expected) == 2 && r.calls[0].Reason == expected[1].reason.String() {
		expected = []demoExpected{expected[1], expected[0]}
	}
	for i := range r.calls {
		c := &r.calls[i]
		differs := c.differs(expected[i])
		c.Expected = len(differs) == 0
		for _, d := range differs {
			r.differs = append(r.differs, fmt.Sprintf("%s dials %s: %s", c.Rep, c.Dialled, d))
		}
	}
}
