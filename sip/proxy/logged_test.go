package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

func TestRepInLog(t *testing.T) {
	masked, full := &Proxy{}, &Proxy{Config: Config{Full: true}}
	for id, want := range map[string]string{
		"201": "201", "123456": "123456", "wei.zhang": "wei.zhang", "": "",
		"+13035551111": "+1303*****11", "13035551111": "13035****11", "303-555-1111": "303-5*****11",
		strings.Repeat("x", 5000): strings.Repeat("x", longest),
	} {
		require.Equal(t, want, masked.rep(gate.Rep(id)))
	}
	require.Equal(t, "+13035551111", full.rep("+13035551111"))
}
