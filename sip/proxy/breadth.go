package proxy

import (
	"strconv"

	"github.com/ringfence/ringfence/sip/message"
)

// Max-Breadth (RFC 5393 §5) bounds how many branches of one request there can be at once in the whole network: each
// proxy divides what it was given among its own.

// defaultBreadth is what a request may take up that does not say (§5.3.3.1).
const defaultBreadth = 60

// breadth is what rc's branches may take up together; at least 1, since validate refused the rest.
func (rc *responseContext) breadth() int {
	if rc.m.MaxBreadth < 0 {
		return defaultBreadth
	}
	return rc.m.MaxBreadth
}

// divide takes the targets that ring together next off rc's groups, no more than there is breadth for, and gives each
// its share. What is left over rings after them (§5.3.3.2: what ended gives its breadth back).
func (rc *responseContext) divide() []outbound {
	group, breadth := rc.groups[0], rc.breadth()
	if len(group) > breadth {
		group, rc.groups[0] = group[:breadth], group[breadth:]
	} else {
		rc.groups = rc.groups[1:]
	}
	for i := range group {
		group[i].breadth = breadth / len(group)
	}
	group[0].breadth += breadth % len(group)
	return group
}

func setMaxBreadth(e *message.Edit, m *message.Message, head []byte, breadth int) []byte {
	if breadth <= 0 {
		return head
	}
	if m.MaxBreadth < 0 {
		head = append(head, "Max-Breadth: "...)
		head = strconv.AppendInt(head, int64(breadth), 10)
		return append(head, "\r\n"...)
	}
	for _, h := range m.Headers() {
		if h.Kind == message.MaxBreadth {
			if breadth != m.MaxBreadth {
				e.Replace(h.Value, strconv.AppendInt(nil, int64(breadth), 10))
			}
			break
		}
	}
	return head
}
