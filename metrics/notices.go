package metrics

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of a MESSAGE that tells a rep why a call was refused.
const (
	NoticeDelivered = "delivered" // 2xx
	NoticeFailed    = "failed"    // refused, or nobody answered
	NoticeDropped   = "dropped"   // too many were under way
)

// notices counts those MESSAGEs.
type notices struct{ notices map[string]prometheus.Counter }

func newNotices(reg prometheus.Registerer) *notices {
	return &notices{countersBy(reg, "notices_total",
		"SIP MESSAGEs that told a rep why a call was refused, by what became of them.", "outcome",
		[]string{NoticeDelivered, NoticeFailed, NoticeDropped})}
}

// Notice counts one; outcome is one of the three above, and anything else is counted as failed.
func (n *notices) Notice(outcome string) {
	c, ok := n.notices[outcome]
	if !ok {
		c = n.notices[NoticeFailed]
	}
	c.Inc()
}
