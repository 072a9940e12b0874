package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFigureOf(t *testing.T) {
	assert.Equal(t, figure{2, 1, 9}, figureOf([]float64{9, 1, 2}))
	assert.Equal(t, figure{3, 1, 9}, figureOf([]float64{9, 1, 2, 4}), "an even number has its median between two")
	assert.Equal(t, "3.0 [1.0–9.0]", figureOf([]float64{9, 1, 2, 4}).spread(1))
	assert.Equal(t, "–", figureOf(nil).spread(1), "nothing measured is no zero")
}

func TestRatioIsTakenPairByPair(t *testing.T) {
	// The second round met a slow machine: the ratio of the medians would be 10/20, each pair says 1/2 and 5.
	got := ratioOf([]float64{10, 50, 10}, []float64{20, 10, 20})
	assert.Equal(t, figure{0.5, 0.5, 5}, got)
	assert.Equal(t, figure{2, 2, 2}, ratioOf([]float64{1, 2}, []float64{0, 1}), "a divisor of zero says nothing")
}

func TestQuantile(t *testing.T) {
	ascending := make([]float64, 1000)
	for i := range ascending {
		ascending[i] = float64(i)
	}
	assert.InDelta(t, 500, quantile(ascending, 0.5), 0)
	assert.InDelta(t, 990, quantile(ascending, 0.99), 0)
	assert.InDelta(t, 999, quantile(ascending, 0.999), 0)
	assert.InDelta(t, 999, quantile(ascending, 1), 0)
	assert.True(t, math.IsNaN(quantile(nil, 0.5)))
}

func TestFlawless(t *testing.T) {
	fine := cell{rate: 1000, calls: 3000, reached: 970, failed: 2}
	assert.True(t, fine.flawless())
	for name, spoil := range map[string]func(*cell){
		"repeated": func(c *cell) { c.repeated = 1 },
		"failed":   func(c *cell) { c.failed = 3 },
		"astray":   func(c *cell) { c.astray = 1 },
		"slow":     func(c *cell) { c.reached = 950 },
	} {
		c := fine
		spoil(&c)
		assert.False(t, c.flawless(), name)
	}
}
