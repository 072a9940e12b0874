package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcessorsFollowTheLoad(t *testing.T) {
	now := 8
	p := &processors{most: 8, now: now, set: func(n int) { now = n }}
	look := func(load float64, times int) int {
		for range times {
			p.look(load)
		}
		return now
	}
	require.Equal(t, 8, look(0.1, shrinkOnly-1), "one quiet moment is not enough")
	require.Equal(t, 4, look(0.1, 1))
	require.Equal(t, 1, look(0.1, 10*shrinkOnly))
	require.Equal(t, 1, look(0.69, 100))
	require.Equal(t, 2, look(0.71, 1), "growing waits for nothing")
	require.Equal(t, 4, look(1.9, 1))
	require.Equal(t, 4, look(0.8, 100), "neither too many nor too few")
	require.Equal(t, 8, look(4, 5))
	require.Equal(t, 8, look(0.1, shrinkOnly-1))
	require.Equal(t, 8, look(3, 1))
	require.Equal(t, 8, look(0.1, shrinkOnly-1), "a busy moment starts the count again")

	three := &processors{most: 3, now: 3, set: func(n int) { now = n }}
	for range 3 * shrinkOnly {
		three.look(0.1)
	}
	require.Equal(t, 1, now)
	three.look(0.9)
	three.look(1.9)
	require.Equal(t, 3, now, "never more than there are")
}

func TestCPUTimeGoesOn(t *testing.T) {
	before := cpuTime()
	for cpuTime() == before { // burns CPU itself
	}
	require.Greater(t, cpuTime(), before)
}
