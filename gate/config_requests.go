package gate

import (
	"fmt"
	"strings"
	"time"
)

// RequestsRule says what reps may ask for and who answers, by kind of request.
type RequestsRule struct {
	Pass      RequestRule `yaml:"pass"`      // one call to a colleague's number
	Share     RequestRule `yaml:"share"`     // to become a collaborator
	Transfer  RequestRule `yaml:"transfer"`  // to become the owner in the owner's place
	Claim     RequestRule `yaml:"claim"`     // to become the owner of what nobody owns
	Extend    RequestRule `yaml:"extend"`    // more time for one's own number
	Exemption RequestRule `yaml:"exemption"` // that a refusal be lifted
	Most      int         `yaml:"most"`      // 20: open requests of one rep at a time
}

// RequestRule is how a request of one kind is answered. Without steps there are no requests of this kind.
type RequestRule struct {
	Steps    []string `yaml:"steps"`    // who is asked, one after the other: owner, supervisor, ids; "|" between alternatives
	Escalate Duration `yaml:"escalate"` // 4h: a step that is not answered goes to the next; 0s: never
	Expire   Duration `yaml:"expire"`   // 1d: a request that is not decided ends
}

// The words of a step that are no rep's id.
const (
	StepOwner      = "owner"
	StepSupervisor = "supervisor"
)

// MostSteps bounds a rule's steps.
const MostSteps = 8

func defaultRequests() RequestsRule {
	ask := func(steps ...string) RequestRule {
		return RequestRule{Steps: steps, Escalate: Duration(4 * time.Hour), Expire: Duration(day)}
	}
	return RequestsRule{
		Pass: ask(StepOwner, StepSupervisor), Share: ask(StepOwner), Transfer: ask(StepOwner, StepSupervisor),
		Claim: ask(StepSupervisor), Extend: ask(StepSupervisor), Exemption: ask(StepSupervisor),
		Most: 20,
	}
}

func (r RequestsRule) validate(wrong func(key, format string, args ...any)) {
	for _, k := range []struct {
		name string
		rule RequestRule
	}{
		{"pass", r.Pass},
		{"share", r.Share},
		{"transfer", r.Transfer},
		{"claim", r.Claim},
		{"extend", r.Extend},
		{"exemption", r.Exemption},
	} {
		key := "rules.requests." + k.name
		if len(k.rule.Steps) > MostSteps {
			wrong(key+".steps", "%d steps are too many; at most %d are asked one after the other", len(k.rule.Steps), MostSteps)
		}
		for i, step := range k.rule.Steps {
			if why := wrongStep(step); why != "" {
				wrong(fmt.Sprintf("%s.steps[%d]", key, i), "%q %s; write owner, supervisor, a rep's id, or several with | between", clip(step), why)
			}
		}
		if e := k.rule.Escalate.Std(); e != 0 && (e < time.Second || e > 365*day) {
			wrong(key+".escalate", "%s is out of range; allowed are 1s to 365d, or 0s for never", k.rule.Escalate)
		}
		if e := k.rule.Expire.Std(); e < time.Second || e > 365*day {
			wrong(key+".expire", "%s is out of range; allowed are 1s to 365d", k.rule.Expire)
		}
	}
	if r.Most < 1 || r.Most > 1000 {
		wrong("rules.requests.most", "%d is out of range; allowed are 1 to 1000", r.Most)
	}
}

// wrongStep says what is wrong with a step, "" when nothing is.
func wrongStep(step string) string {
	for who := range strings.SplitSeq(step, "|") {
		switch {
		case who == "":
			return "names nobody"
		case len(who) > 64:
			return "names somebody whose id is longer than 64 bytes"
		case strings.ContainsFunc(who, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ',' }):
			return "holds a space, a comma or a control character"
		}
	}
	return ""
}
