package webhooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// happened names the events of each kind of record: what the record says was done → how the event is called.
var happened = map[registry.RecordKind]struct {
	subject string
	names   map[string]string
}{
	registry.RecordOwner: {"owner", map[string]string{
		"claim": "claimed", "release": "released", "transfer": "transferred", "share": "shared", "unshare": "unshared",
		"lock": "locked", "unlock": "unlocked", "deal": "deal_closed", "undeal": "deal_undone", "level": "level_set", "extend": "extended",
	}},
	registry.RecordPool:     {"pool", map[string]string{"recycle": "recycled", "warn": "warned"}},
	registry.RecordPass:     {"pass", map[string]string{"grant": "granted", "revoke": "revoked"}},
	registry.RecordDecision: {"pass", map[string]string{"pass": "used"}}, // a call that a pass let out
	registry.RecordRequest: {"request", map[string]string{
		"open": "opened", "approve": "approved", "deny": "denied", "cancel": "cancelled", "escalate": "escalated",
		"expire": "expired", "carry_out": "done", "fail": "failed",
	}},
	registry.RecordCustomer: {"customer", map[string]string{"tie": "tied", "untie": "untied"}},
	registry.RecordStage:    {"stage", map[string]string{"enter": "entered", "leave": "left", "warn": "warned"}},
	registry.RecordRefusal:  {"refusal", map[string]string{"refuse": "noted", "lift": "lifted"}},
	registry.RecordEnd:      {"call", map[string]string{"": "ended"}},
}

// Events are the names of all events, sorted.
func Events() []string {
	var all []string
	for _, kind := range happened {
		for _, name := range kind.names {
			all = append(all, kind.subject+"."+name)
		}
	}
	slices.Sort(all)
	return all
}

// nameOf is the event of a record, "" when it is none.
func nameOf(r registry.Record) string {
	kind, ok := happened[r.Kind]
	if !ok || kind.names[r.Reason] == "" {
		return ""
	}
	return kind.subject + "." + kind.names[r.Reason]
}

// matches says whether an entry of `events` means the event.
func matches(pattern, event string) bool {
	subject, all := strings.CutSuffix(pattern, "*")
	return pattern == event || all && strings.HasPrefix(event, subject)
}

// known says whether an entry of `events` means anything.
func known(pattern string) bool {
	if subject, all := strings.CutSuffix(pattern, ".*"); all && strings.Contains(subject, ".") {
		return false
	}
	if strings.HasSuffix(pattern, "*") && pattern != "*" && !strings.HasSuffix(pattern, ".*") {
		return false
	}
	return slices.ContainsFunc(Events(), func(event string) bool { return matches(pattern, event) })
}

// body is what is posted. docs/webhooks.md describes it; it only ever grows.
type body struct {
	ID     string            `json:"id"`    // the same however often it is sent
	Event  string            `json:"event"` // such as owner.transferred
	Time   time.Time         `json:"time"`
	Number string            `json:"number"` // masked, unless the endpoint has numbers: full
	Scope  gate.Scope        `json:"scope,omitempty"`
	Owner  gate.Rep          `json:"owner,omitempty"`
	By     gate.Rep          `json:"by,omitempty"` // the rep who called, or who did it
	Ending string            `json:"ending,omitempty"`
	Talk   *int64            `json:"talk_seconds,omitempty"`
	Note   string            `json:"note,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// bodyOf writes what an endpoint is told of a record.
func (e Endpoint) bodyOf(id, event string, r registry.Record) (string, error) {
	b := body{
		ID: id, Event: event, Time: r.Time.UTC(), Number: string(r.Number), Scope: r.Scope, Owner: r.Owner, By: r.Rep,
		Ending: r.Ending, Note: r.Note, Detail: r.Detail,
	}
	if e.Numbers != numbersFull {
		b.Number = r.Number.Masked()
	}
	if r.Kind == registry.RecordEnd {
		talk := int64(r.Talk / time.Second)
		b.Talk = &talk
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("webhooks: %s: %w", event, err)
	}
	return string(text), nil
}
