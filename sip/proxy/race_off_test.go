//go:build !race

package proxy

const underRace = 1.0
