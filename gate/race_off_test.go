//go:build !race

package gate

// underRace says that the race detector is on.
const underRace = false
