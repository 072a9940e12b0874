package gate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRequestsAndStagesAreValidated(t *testing.T) {
	good := Defaults("US")
	good.Rules.Stages = []StageRule{
		{Name: "new", Limit: Duration(2 * day), Then: StageNext, Protection: Duration(day)},
		{Name: "offer", Limit: Duration(day), Then: StageRecycle, Responsible: "205"},
		{Name: "chase"},
	}
	good.Rules.Requests.Pass.Steps = []string{"owner|supervisor", "205"}
	good.Rules.Requests.Share = RequestRule{Expire: Duration(day)} // off
	require.NoError(t, good.Validate())
	for says, spoil := range map[string]func(*Rules){
		"rules.requests.pass.steps[1]: \"\" names nobody":              func(r *Rules) { r.Requests.Pass.Steps[1] = "" },
		"rules.requests.pass.steps[0]: \"owner|\" names nobody":        func(r *Rules) { r.Requests.Pass.Steps[0] = "owner|" },
		"rules.requests.pass.steps[0]: \"a,b\" holds":                  func(r *Rules) { r.Requests.Pass.Steps[0] = "a,b" },
		"rules.requests.claim.steps: 9 steps":                          func(r *Rules) { r.Requests.Claim.Steps = make([]string, 9) },
		"rules.requests.extend.escalate: ":                             func(r *Rules) { r.Requests.Extend.Escalate = Duration(time.Millisecond) },
		"rules.requests.transfer.expire: 0s":                           func(r *Rules) { r.Requests.Transfer.Expire = 0 },
		"rules.requests.most: 0":                                       func(r *Rules) { r.Requests.Most = 0 },
		"rules.stages[1].name: \"new\" is the name of two":             func(r *Rules) { r.Stages[1].Name = "new" },
		"rules.stages[0].name: \"Neu!\" is no name":                    func(r *Rules) { r.Stages[0].Name = "Neu!" },
		"rules.stages[0].limit: ":                                      func(r *Rules) { r.Stages[0].Limit = 1 },
		"rules.stages[0].protection: ":                                 func(r *Rules) { r.Stages[0].Protection = 1 },
		"rules.stages[2].then: next leads nowhere":                     func(r *Rules) { r.Stages[2].Then, r.Stages[2].Limit = StageNext, Duration(day) },
		"rules.stages[2].then: recycle never comes":                    func(r *Rules) { r.Stages[2].Then = StageRecycle },
		"rules.stages[1].then: then(9)":                                func(r *Rules) { r.Stages[1].Then = 9 },
		"rules.stages[1].responsible: \"a b\" holds a space":           func(r *Rules) { r.Stages[1].Responsible = "a b" },
		"rules.stages: 33 stages are too many; at most 32 are allowed": func(r *Rules) { r.Stages = make([]StageRule, 33) },
	} {
		c := Defaults("US")
		c.Rules.Stages = append([]StageRule(nil), good.Rules.Stages...)
		c.Rules.Requests.Pass.Steps = []string{"owner", "supervisor"}
		spoil(&c.Rules)
		require.ErrorContains(t, c.Validate(), says)
	}
}

func TestStageFindsTheNext(t *testing.T) {
	rules := Rules{Stages: []StageRule{{Name: "new"}, {Name: "offer"}}}
	stage, next, ok := rules.Stage("new")
	require.True(t, ok)
	require.Equal(t, "new", stage.Name)
	require.Equal(t, "offer", next)
	_, next, ok = rules.Stage("offer")
	require.True(t, ok)
	require.Empty(t, next)
	_, _, ok = rules.Stage("gone")
	require.False(t, ok)
}
