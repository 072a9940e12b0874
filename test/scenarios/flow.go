package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/test/site"
)

// flows sorts what a phone received by call; over a bad network without what may be lost for good. The result maps
// Call-ID to Flow.
func flows(messages []site.Message, bad bool) map[string]Flow {
	byCall := map[string]Flow{}
	seen := map[string]bool{}
	for i := range messages {
		m := &messages[i]
		if m.Sent {
			continue
		}
		word, identity := word(m)
		mayBeLost := strings.HasPrefix(word, "1") || word == "ACK"
		if seen[identity] || m.Status() == "100" || bad && mayBeLost {
			continue
		}
		seen[identity] = true
		byCall[m.CallID] = append(byCall[m.CallID], word)
	}
	return byCall
}

// word is a message in a Flow; identity is equal for repetitions of one message only: a response repeats itself when
// status, CSeq and To tag agree, a request when its branch does.
func word(m *site.Message) (word, identity string) {
	_, method, _ := strings.Cut(m.CSeq, " ")
	if status := m.Status(); status != "" {
		return status + " " + method, strings.Join([]string{m.CallID, status, m.CSeq, m.ToTag}, "\x00")
	}
	return m.Request(), strings.Join([]string{m.CallID, m.Request(), m.CSeq, m.Branch}, "\x00")
}

// Repetitions counts the messages that a phone received more than once.
func Repetitions(messages []site.Message) int {
	seen, n := map[string]bool{}, 0
	for i := range messages {
		if messages[i].Sent {
			continue
		}
		if _, identity := word(&messages[i]); seen[identity] {
			n++
		} else {
			seen[identity] = true
		}
	}
	return n
}

// unanimous is the one flow of all calls; it is an error when their number is another or they heard different things.
func unanimous(byCall map[string]Flow, calls int) (Flow, error) {
	if len(byCall) == 0 {
		return nil, nil
	}
	if len(byCall) != calls {
		return nil, fmt.Errorf("heard of %d calls instead of %d", len(byCall), calls)
	}
	var first Flow
	for _, id := range slices.Sorted(maps.Keys(byCall)) {
		switch f := byCall[id]; {
		case first == nil:
			first = f
		case !slices.Equal(first, f):
			return nil, fmt.Errorf("calls went differently: one heard %v, another %v", first, f)
		}
	}
	return first, nil
}
