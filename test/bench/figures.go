package main

import (
	"fmt"
	"math"
	"slices"
)

// figure is what repeated measurements came to: the middle one and how far they lie apart.
type figure struct{ median, low, high float64 }

// figureOf sums up measurements. Of none it is not a number, which a table shows as a dash.
func figureOf(values []float64) figure {
	if len(values) == 0 {
		return figure{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return figure{median, sorted[0], sorted[len(sorted)-1]}
}

// ratioOf compares measurements pair by pair: those of one round saw the same machine. A pair whose divisor is zero
// says nothing and is left out.
func ratioOf(ours, theirs []float64) figure {
	var ratios []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] != 0 {
			ratios = append(ratios, ours[i]/theirs[i])
		}
	}
	return figureOf(ratios)
}

// quantile of values in ascending order; not a number when there are none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// spread writes the figure with so many decimals: "160 [146–214]".
func (f figure) spread(decimals int) string {
	if math.IsNaN(f.median) {
		return "–"
	}
	return fmt.Sprintf("%.*f [%.*f–%.*f]", decimals, f.median, decimals, f.low, decimals, f.high)
}

// number writes v with so many decimals, a dash when it is none.
func number(v float64, decimals int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", decimals, v)
}
