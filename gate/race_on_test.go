//go:build race

package gate

// underRace says that the race detector is on: it is ten times slower, and sync.Pool forgets on purpose under it.
const underRace = true
