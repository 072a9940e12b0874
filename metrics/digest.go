package metrics

import "github.com/prometheus/client_golang/prometheus"

// digestOutcomes are what may become of digest credentials.
var digestOutcomes = []string{"accepted", "challenged", "stale", "malformed", "wrong", "banned", "unavailable", other}

// digest counts what became of the credentials of peers with identity digest.
type digest struct {
	requests map[string]prometheus.Counter
	bans     prometheus.Counter
}

func newDigest(reg prometheus.Registerer) *digest {
	d := &digest{
		requests: countersBy(reg, "digest_requests_total",
			"Requests whose sender had to prove who they are with a password, by what became of them.", "outcome", digestOutcomes),
		bans: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "digest_bans_total",
			Help: "Users who are not answered to one address any more because of wrong passwords.",
		}),
	}
	reg.MustRegister(d.bans)
	return d
}

// Digest counts a request that needed credentials.
func (d *digest) Digest(outcome string) { child(d.requests, outcome).Inc() }

// DigestBanned counts a ban.
func (d *digest) DigestBanned() { d.bans.Inc() }
