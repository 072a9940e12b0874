package gate

// watches says whether a local rule that stops a call is only watched, so that the call goes on to the next rule.
func (g *Gate) watches(p *policy, c Call, r ruling) bool {
	if !p.shadow.on || r.Verdict == Allow || c.Rep == "" {
		return false
	}
	return p.shadow.of(g.callerOf(p, c.Rep).team).set.has(r.Reason)
}

// against tells the registry what the local rules have against a call that they let go on to it: what is only watched, for
// whether the call goes out is known only there and the record of it is written there; and what only a pass passes, for the
// passes are known only there. What a pass must pass goes before what is watched. stands says that the ruling holds where
// nobody knows of a pass.
func (g *Gate) against(p *policy, c Call, q *Question) (r ruling, stands bool) {
	if p.shadow.on {
		q.Shadow = p.shadow.of(q.Team).packed
		r = g.firstOf(p, c)
	}
	if p.passTerritory {
		if out, rules := g.outside(p, c); rules {
			stands = !g.watches(p, c, out)
			if stands || r.Reason == Undecided {
				r = out
			}
		}
	}
	q.Local, q.Instead, q.Listing = r.Reason, r.Extension, r.Listing
	if r.Territory != "" {
		q.Territory = r.Territory
	}
	return r, stands
}

// firstOf is what the first of the local rules says that says anything.
func (g *Gate) firstOf(p *policy, c Call) ruling {
	for _, rule := range localRules {
		if r, rules := rule(g, p, c); rules {
			return r
		}
	}
	return ruling{}
}

// shadowed makes of the registry's answer what a decision says of a rule that is only watched.
func (d *Decision) shadowed(a Answer, q Question, fits func(string) bool) {
	d.Shadow, d.Would = a.Shadow, a.Would
	if a.Reason == q.Local && q.Listing.List != "" {
		d.List, d.Lists = q.Listing.List, q.Listing.Version
	}
	if d.Would == Redirect && !fits(d.Extension) {
		d.Would = Block
	}
}
