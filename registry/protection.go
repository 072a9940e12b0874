package registry

import (
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// Forever is the end of a protection that does not end: a locked number, or a closed deal without a limit.
var Forever = time.UnixMilli(253402300799000)

// Until is when the protection of an owned number ends: by the rules, or when it was set by hand; a locked one is protected
// for ever. until_ in ownership.lua is the same; a test holds them together.
func Until(h Holding, t gate.Terms) time.Time {
	if h.Locked {
		return Forever
	}
	if h.ByHand {
		return h.Until
	}
	return byRules(h, t)
}

func byRules(h Holding, t gate.Terms) time.Time {
	if !h.Deal.IsZero() && t.DealProtection == 0 {
		return Forever
	}
	from := h.Contact
	if from.IsZero() {
		from = h.Since
	}
	end := from.Add(levelProtection(t, h.Level))
	if t.ProtectionMost > 0 {
		end = earlier(end, h.Since.Add(t.ProtectionMost))
	}
	if !h.Deal.IsZero() {
		return later(end, h.Deal.Add(t.DealProtection))
	}
	if t.NoDeal > 0 {
		end = earlier(end, h.Since.Add(t.NoDeal))
	}
	return end
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// levelProtection is the protection after a contact, for a customer of that level.
func levelProtection(t gate.Terms, level string) time.Duration {
	if level != "" {
		for entry := range strings.SplitSeq(t.Levels, sep) {
			if name, text, ok := strings.Cut(entry, "="); ok && name == level {
				if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
					return time.Duration(ms) * time.Millisecond
				}
			}
		}
	}
	return t.Protection
}

// rulesOf is how until_ gets the rules.
func rulesOf(t gate.Terms) string {
	return pack(milliseconds(t.Protection), milliseconds(t.ProtectionMost), milliseconds(t.NoDeal), milliseconds(t.DealProtection),
		t.Levels)
}
