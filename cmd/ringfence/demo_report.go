package main

import (
	"fmt"
	"strings"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/sip/phone"
)

// demoReport is what --output json prints.
type demoReport struct {
	SIP      []string   `json:"sip"`      // where the gate listens
	Registry string     `json:"registry"` // how other commands reach its registry
	Calls    []demoCall `json:"calls"`
	Differs  []string   `json:"differs,omitempty"` // what did not come out as expected
}

// demoCall is one call: what the gate decided and what the phone was told.
type demoCall struct {
	Rep          string `json:"rep"`
	Transport    string `json:"transport"`
	Dialled      string `json:"dialled"`
	Number       string `json:"number,omitempty"` // E.164, extension or emergency number; absent when it is none
	Verdict      string `json:"verdict,omitempty"`
	Reason       string `json:"reason,omitempty"`
	Microseconds int64  `json:"microseconds"` // the decision took
	Status       int    `json:"status"`
	Phrase       string `json:"phrase"`
	Text         string `json:"text,omitempty"` // of the Reason header: for the rep to read
	AnsweredBy   string `json:"answered_by,omitempty"`
	Expected     bool   `json:"expected"`
	Error        string `json:"error,omitempty"`

	took string
}

func (c *demoCall) told(o *phone.Outcome) {
	c.Status, c.Phrase, c.Text, c.AnsweredBy = o.Status, o.Phrase, o.Reason, o.AnsweredBy
}

func (c *demoCall) decided(d gate.Decision) {
	c.Number = string(d.Call.Dialled.Number)
	if c.Number == "" {
		c.Number = d.Call.Dialled.Local
	}
	c.Verdict, c.Reason = d.Verdict.String(), d.Reason.String()
	c.Microseconds = d.Took.Microseconds()
	c.took = fmt.Sprintf("%d µs", c.Microseconds)
	if c.Microseconds == 0 {
		c.took = "<1 µs"
	}
}

// differs says in what the call came out otherwise than expected.
func (c *demoCall) differs(e demoExpected) []string {
	var all []string
	note := func(what string, expected, got any) {
		if expected != got {
			all = append(all, fmt.Sprintf("%s: expected %v, got %v", what, expected, got))
		}
	}
	if c.Error != "" {
		all = append(all, c.Error)
	}
	note("verdict", e.verdict.String(), c.Verdict)
	note("reason", e.reason.String(), c.Reason)
	note("number", e.number, c.Number)
	note("answer", e.status, c.Status)
	note("answered by", e.by, c.AnsweredBy)
	return all
}

func (r *demoReport) add(result demoResult) {
	r.Calls = append(r.Calls, result.calls...)
	r.Differs = append(r.Differs, result.differs...)
}

// err says what did not come out as expected; nil when everything did.
func (r *demoReport) err() error {
	if len(r.Differs) == 0 {
		return nil
	}
	return fmt.Errorf("not everything came out as expected:\n  %s", strings.Join(r.Differs, "\n  "))
}
