package scenarios

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/test/site"
)

// heard makes a message of "INVITE 1 branch" or "200 1 INVITE tag".
func heard(call, text string) site.Message {
	f := strings.Fields(text)
	if len(f) == 3 {
		return site.Message{Start: f[0] + " sip:a@b SIP/2.0", CSeq: f[1] + " " + f[0], Branch: f[2], CallID: call}
	}
	return site.Message{Start: "SIP/2.0 " + f[0] + " Word", CSeq: f[1] + " " + f[2], ToTag: f[3], CallID: call}
}

func TestFlows(t *testing.T) {
	tests := map[string]struct {
		messages []string
		bad      bool
		want     Flow
		repeated int
	}{
		"a call": {
			messages: []string{"100 1 INVITE -", "180 1 INVITE t", "200 1 INVITE t", "200 2 BYE t"},
			want:     Flow{"180 INVITE", "200 INVITE", "200 BYE"},
		},
		"repetitions count once": {
			messages: []string{"INVITE 1 a", "INVITE 1 a", "ACK 1 b", "ACK 1 b", "BYE 2 c"},
			want:     Flow{"INVITE", "ACK", "BYE"}, repeated: 2,
		},
		"a re-INVITE is none":      {messages: []string{"INVITE 1 a", "INVITE 2 b"}, want: Flow{"INVITE", "INVITE"}},
		"a second branch is none":  {messages: []string{"INVITE 1 a", "INVITE 1 b"}, want: Flow{"INVITE", "INVITE"}},
		"two final answers show":   {messages: []string{"200 1 INVITE t", "200 1 INVITE u"}, want: Flow{"200 INVITE", "200 INVITE"}},
		"bad network":              {messages: []string{"180 1 INVITE t", "200 1 INVITE t"}, bad: true, want: Flow{"200 INVITE"}},
		"bad network, called side": {messages: []string{"INVITE 1 a", "ACK 1 b", "BYE 2 c"}, bad: true, want: Flow{"INVITE", "BYE"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var messages []site.Message
			for _, text := range tt.messages {
				messages = append(messages, heard("1@x", text))
			}
			sent := heard("1@x", "BYE 9 z")
			sent.Sent = true
			messages = append(messages, sent)
			assert.Equal(t, map[string]Flow{"1@x": tt.want}, flows(messages, tt.bad))
			assert.Equal(t, tt.repeated, Repetitions(messages))
		})
	}
}

func TestUnanimous(t *testing.T) {
	same := map[string]Flow{"1": {"INVITE", "BYE"}, "2": {"INVITE", "BYE"}}
	got, err := unanimous(same, 2)
	require.NoError(t, err)
	assert.Equal(t, Flow{"INVITE", "BYE"}, got)

	_, err = unanimous(same, 3)
	assert.ErrorContains(t, err, "2 calls instead of 3")
	_, err = unanimous(map[string]Flow{"1": {"INVITE"}, "2": {"INVITE", "BYE"}}, 2)
	assert.ErrorContains(t, err, "went differently")
	got, err = unanimous(nil, 1)
	require.NoError(t, err)
	assert.Empty(t, got, "an end that hears nothing")
}

// Scenarios that no proxy could fail would be worth nothing: every one names what somebody must hear.
func TestEveryScenarioDemandsSomething(t *testing.T) {
	names := map[string]bool{}
	for _, s := range All() {
		assert.False(t, names[s.Name], "two scenarios are called %q", s.Name)
		names[s.Name] = true
		assert.NotEmpty(t, s.Caller.Hears, s.Name)
		if s.Differs != nil {
			assert.NotEmpty(t, s.Differs.Why, s.Name)
		}
		for _, role := range s.roles() {
			if role.Script != "" {
				assert.FileExists(t, Script(role.Script))
			} else {
				assert.Empty(t, role.Hears, "%s: a silent end hears nothing", s.Name)
			}
		}
	}
}
