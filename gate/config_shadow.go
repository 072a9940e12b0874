package gate

import "strings"

// ShadowRule says which rules are only watched: a call that one of them would stop goes out, and its record says what
// would have become of it.
type ShadowRule struct {
	Everyone bool     `yaml:"everyone"` // false: every rule is only watched, for every rep
	Teams    []Team   `yaml:"teams"`    // none: every rule is only watched, for the reps of these teams
	Reasons  []Reason `yaml:"reasons"`  // none: these rules are only watched, for every rep
}

// watchable are the reasons that a call can be let out in spite of. What is no number cannot be sent, a call of nobody
// belongs to nobody, and for a registry that is away there is on_registry_down.
var watchable = []Reason{DNC, Refused, Owned, InFlight, Frequency, Hours, Territory, Quota, UnknownRep}

// mostTeams bounds rules.shadow.teams.
const mostTeams = 1000

func (s ShadowRule) validate(wrong func(key, format string, args ...any)) {
	if len(s.Teams) > mostTeams {
		wrong("rules.shadow.teams", "%d are too many; name at most %d, or write everyone: true", len(s.Teams), mostTeams)
	}
	for _, team := range s.Teams {
		if team == "" {
			wrong("rules.shadow.teams", "a team has no name; write such as [east, west]")
		}
	}
	for _, reason := range s.Reasons {
		if !setOf(watchable).has(reason) {
			wrong("rules.shadow.reasons", "%s cannot be watched only; write some of %s", reason, list(namesOf(watchable)))
		}
	}
}

// reasonSet is a set of reasons.
type reasonSet uint32

func setOf(reasons []Reason) (set reasonSet) {
	for _, r := range reasons {
		set |= 1 << r
	}
	return set
}

func (s reasonSet) has(r Reason) bool { return s&(1<<r) != 0 }

// watching are the reasons that are only watched, for the gate and for the registry.
type watching struct {
	set    reasonSet
	packed string // as Terms.Shadow has them
}

func watch(reasons []Reason) watching { return watching{setOf(reasons), packReasons(reasons)} }

// shadow is a ShadowRule made ready.
type shadow struct {
	most  watching          // for everyone
	teams map[Team]watching // for the reps of some teams
	on    bool
}

func newShadow(r ShadowRule) shadow {
	s := shadow{most: watch(r.Reasons), on: r.Everyone || len(r.Teams) > 0 || len(r.Reasons) > 0}
	if r.Everyone {
		s.most = watch(watchable)
	}
	if len(r.Teams) > 0 {
		s.teams = make(map[Team]watching, len(r.Teams))
		for _, team := range r.Teams {
			s.teams[team] = watch(watchable)
		}
	}
	return s
}

// of is what is only watched when a rep of a team calls.
func (s *shadow) of(team Team) watching {
	if w, ok := s.teams[team]; ok && team != "" {
		return w
	}
	return s.most
}

// Watches says whether a rule is only watched: its reason then stops no call.
func (t *Terms) Watches(r Reason) bool {
	return t.Shadow != "" && strings.Contains(t.Shadow, ","+r.String()+",")
}
