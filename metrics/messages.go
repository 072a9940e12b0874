package metrics

import "github.com/prometheus/client_golang/prometheus"

// The closed sets behind the labels of messages. Whatever is not in its set is counted as other.
var (
	methods = []string{
		"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER",
		"SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", other,
	}
	classes    = []string{"1xx", "2xx", "3xx", "4xx", "5xx", "6xx"}
	directions = []string{Received, Sent, other}
	drops      = []string{
		"source", "rate", "ban", "malformed", "stun", "oversize", "frame", "connection_cap", "handshake", "overload", "queue", "registry", "response", other,
	}
	sheds = []string{"rate", "queue", "registry", other}
	bans  = []string{"flood", other}
)

const other = "other"

// Directions of a retransmission.
const (
	Received = "in"  // a peer repeated itself
	Sent     = "out" // the gate repeated itself
)

// messages counts SIP messages.
type messages struct {
	requests        map[string]prometheus.Counter
	responses       map[string][]prometheus.Counter // by method, by class
	retransmissions map[string]prometheus.Counter
	dropped         map[string]prometheus.Counter
	restarts        prometheus.Counter
	shed            map[string]prometheus.Counter
	bans            map[string]prometheus.Counter
}

func newMessages(reg prometheus.Registerer) *messages {
	m := &messages{
		requests: countersBy(reg, "sip_requests_total",
			"SIP requests received, without retransmissions, by method.", "method", methods),
		retransmissions: countersBy(reg, "sip_retransmissions_total",
			"SIP messages repeated, by who repeated them.", "direction", directions),
		dropped: countersBy(reg, "sip_dropped_total",
			"Datagrams, stream chunks and connections dropped without an answer, by cause.", "why", drops),
		shed: countersBy(reg, "sip_shed_total",
			"New requests refused with 503 because there was too much to do, by what was.", "why", sheds),
		bans: countersBy(reg, "bans_total",
			"Sources that were banned for a time, by cause.", "why", bans),
		responses: make(map[string][]prometheus.Counter, len(methods)),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "sip_listener_restarts_total",
			Help: "Times that a SIP listener stopped reading and was begun again.",
		}),
	}
	reg.MustRegister(m.restarts)
	responses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "sip_responses_total",
		Help: "SIP responses sent, without retransmissions, by the request's method and the status class.",
	}, []string{"method", "class"})
	reg.MustRegister(responses)
	for _, method := range methods {
		for _, class := range classes {
			m.responses[method] = append(m.responses[method], responses.WithLabelValues(method, class))
		}
	}
	return m
}

// countersBy registers a counter with one label and resolves a child for every value of its closed set.
func countersBy(reg prometheus.Registerer, name, help, label string, values []string) map[string]prometheus.Counter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	reg.MustRegister(vec)
	children := make(map[string]prometheus.Counter, len(values))
	for _, v := range values {
		children[v] = vec.WithLabelValues(v)
	}
	return children
}

// Request counts a request that was received.
func (m *messages) Request(method string) { child(m.requests, method).Inc() }

// Response counts a response that was sent. A status outside 100..699 is none and is not counted.
func (m *messages) Response(method string, status int) {
	class := status/100 - 1
	if class < 0 || class >= len(classes) {
		return
	}
	child(m.responses, method)[class].Inc()
}

// Retransmission counts a message that came or was sent again; direction is Received or Sent.
func (m *messages) Retransmission(direction string) { child(m.retransmissions, direction).Inc() }

// Dropped counts input that was dropped without an answer.
func (m *messages) Dropped(why string) { child(m.dropped, why).Inc() }

// ListenerRestarted counts a listener that stopped and is begun again.
func (m *messages) ListenerRestarted() { m.restarts.Inc() }

// Shed counts a new request that was refused for load.
func (m *messages) Shed(why string) { child(m.shed, why).Inc() }

// Banned counts a source that was banned.
func (m *messages) Banned(why string) { child(m.bans, why).Inc() }

func child[T any](children map[string]T, value string) T {
	if c, ok := children[value]; ok {
		return c
	}
	return children[other]
}
