package metrics

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of an attempt to tell another system of an event.
const (
	WebhookDelivered = "delivered" // 2xx
	WebhookRetried   = "retried"   // failed, and will be tried again
	WebhookGivenUp   = "given_up"  // failed for a day
	WebhookLeftOut   = "left_out"  // too many were waiting
)

// webhooks counts those attempts.
type webhooks struct {
	webhooks map[string]prometheus.Counter
	waiting  source
}

func newWebhooks(reg prometheus.Registerer) *webhooks {
	w := &webhooks{webhooks: countersBy(reg, "webhooks_total",
		"Events for other systems, by what became of each attempt to tell them.", "outcome",
		[]string{WebhookDelivered, WebhookRetried, WebhookGivenUp, WebhookLeftOut})}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "webhooks_waiting",
		Help: "Events that wait to be told to other systems, whichever gate tells them.",
	}, w.waiting.read))
	return w
}

// Webhook counts one; outcome is one of the four above, and anything else is counted as retried.
func (w *webhooks) Webhook(outcome string) {
	c, ok := w.webhooks[outcome]
	if !ok {
		c = w.webhooks[WebhookRetried]
	}
	c.Inc()
}

// WebhooksWaiting names where the number of waiting events is read.
func (w *webhooks) WebhooksWaiting(read func() int) {
	w.waiting.set(func() float64 { return float64(read()) })
}
