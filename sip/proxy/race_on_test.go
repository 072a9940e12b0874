//go:build race

package proxy

// underRace is what the race detector adds to allocations: it drops a part of what is put into a sync.Pool.
const underRace = 1.4
