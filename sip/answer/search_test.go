package answer

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// How the makers' own software turns a status into a Q.850 cause (docs/answers.md says where that was read), for the
// statuses that profiles use.
var (
	// Asterisk's res_pjsip.c, ast_sip_hangup_sip2cause.
	asteriskCause = map[int]int{403: 21, 404: 1, 480: 19, 484: 28, 486: 17, 500: 38, 503: 34, 600: 17, 603: 21, 604: 1, 608: 127}
	// FreeSWITCH's sofia_glue.c, sofia_glue_sip_cause_to_freeswitch.
	freeswitchCause = map[int]int{403: 21, 404: 1, 480: 18, 484: 28, 486: 17, 500: 41, 503: 41, 600: 17, 603: 21, 604: 3, 608: 21}
)

// ends says, for each PBX, whether an answer ends its search for a route. Asterisk went by Q.850 where Reason has it, and
// goes by the status since March 2026; FreeSWITCH goes by the first Reason when it is Q.850.
var ends = map[string]func(status, cause int) bool{
	// Dial() says BUSY, which dialplans take for an answer, where CHANUNAVAIL and CONGESTION mean a trunk out of order.
	"asterisk": func(status, cause int) bool { return cause == 17 && asteriskCause[status] == 17 },
	// FreePBX's macro-dialout-trunk gives up on these causes.
	"freepbx": func(status, cause int) bool {
		givesUp := []int{17, 18, 22, 23, 28}
		return slices.Contains(givesUp, cause) && slices.Contains(givesUp, asteriskCause[status])
	},
	"3cx": func(status, _ int) bool { return status == 486 || status == 600 },
	// FusionPBX's outbound routes go on by continue_on_fail.
	"freeswitch": func(status, cause int) bool {
		goesOn := strings.Split("1,2,3,6,18,21,27,28,31,34,38,41,42,44,58,88,111,403,501,602,607,809", ",")
		return !slices.Contains(goesOn, strconv.Itoa(cause)) && !slices.Contains(goesOn, strconv.Itoa(freeswitchCause[status]))
	},
	// A route list of CUCM reroutes for every cause but user busy, unallocated number and out of bandwidth.
	"cisco": func(status, _ int) bool { return status == 486 || status == 404 },
	// RFC 3261 §16.7-5: after a 6xx nobody else is asked.
	"608": func(status, _ int) bool { return status/100 == 6 },
}

// No refusal makes the PBX that a profile is for try its next trunk, whatever the reason.
func TestRefusalEndsTheRouteSearch(t *testing.T) {
	for name, end := range ends {
		table := builtin[name].answers
		require.ElementsMatch(t, blocking(), slices.Collect(maps.Keys(table)), name)
		for reason, c := range table {
			require.True(t, end(c.status, c.cause), "%s goes on after %v, %d with cause %d", name, reason, c.status, c.cause)
		}
	}
}

// What is safe for a phone is not for a PBX: the tables above tell them apart.
func TestRouteSearchGoesOnAfterAWrongProfile(t *testing.T) {
	for name, end := range ends {
		c := builtin["phone"].answers[gate.Owned]
		require.False(t, end(c.status, c.cause), name)
	}
}
