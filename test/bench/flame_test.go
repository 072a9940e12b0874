package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const perfScript = `ringfence
	    4a1b2c github.com/ringfence/ringfence/gate.(*Gate).Ask (/usr/bin/ringfence)
	    4a1b2d runtime.goexit.abi0 (/usr/bin/ringfence)

ringfence
	ffffffff81 udp_sendmsg ([kernel.kallsyms])
	    4a1b2e github.com/ringfence/ringfence/gate.(*Gate).Ask (/usr/bin/ringfence)
	    4a1b2d runtime.goexit.abi0 (/usr/bin/ringfence)
`

func TestStacksAreFolded(t *testing.T) {
	root, err := foldStacks(strings.NewReader(perfScript))
	require.NoError(t, err)
	assert.Equal(t, 2, root.samples)
	require.Len(t, root.calls, 1, "the caller is below")
	exit := root.calls[0]
	assert.Equal(t, "runtime.goexit.abi0", exit.name)
	require.Len(t, exit.calls, 1, "one function called twice is one frame")
	ask := exit.calls[0]
	assert.Equal(t, "gate.(*Gate).Ask", ask.name)
	assert.Equal(t, 2, ask.samples)
	require.Len(t, ask.calls, 1)
	assert.Equal(t, frame{name: "udp_sendmsg", kernel: true, samples: 1}, *ask.calls[0])

	svg := string(root.svg("a <title>"))
	assert.Contains(t, svg, "a &lt;title&gt;")
	assert.Contains(t, svg, "<title>udp_sendmsg: 50.0 %</title>")

	_, err = foldStacks(strings.NewReader(""))
	assert.Error(t, err, "a graph of nothing would look like a result")
}
