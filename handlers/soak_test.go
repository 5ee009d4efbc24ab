//go:build soak

package handlers_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"steward/auth"
)

// T-33 by the clock: 400 who exist and 400 who do not, in turns, at every door.
// Their medians are less than 2 ms apart, or the two cannot be told apart by rank.
func TestSoakDoorsTellNothingByTime(t *testing.T) {
	const samples, lanes = 400, 4
	eachDoors(t, samples, auth.Wait, func(t *testing.T, w *site) {
		for _, d := range doors() {
			var known, other [samples]float64 // ms
			var all sync.WaitGroup
			for lane := range lanes {
				all.Add(1)
				go func() {
					defer all.Done()
					for n := lane; n < samples; n += lanes {
						for _, exists := range []bool{n/lanes%2 == 0, n/lanes%2 != 0} { // neither is always first
							q := d.ask(w, exists, n)
							w.clock.Add(10 * time.Second)
							began := time.Now()
							w.raw(q)
							took := time.Since(began).Seconds() * 1000
							if exists {
								known[n] = took
							} else {
								other[n] = took
							}
						}
					}
				}()
			}
			all.Wait()
			apart, p := math.Abs(median(known[:])-median(other[:])), mannWhitney(known[:], other[:])
			t.Logf("%-20s medians %.3f and %.3f ms, apart %.3f ms, p = %.3f", d.name, median(known[:]), median(other[:]), apart, p)
			if apart >= 2 && p <= 0.01 {
				t.Errorf("%s: who exists is told by time", d.name)
			}
		}
	})
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// mannWhitney is the two-sided p of the U test, by its normal approximation: how
// likely ranks so far apart are where both are drawn alike.
func mannWhitney(a, b []float64) float64 {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	rank := func(v float64) float64 { // in the middle of its equals
		first, _ := slices.BinarySearch(all, v)
		last, _ := slices.BinarySearch(all, math.Nextafter(v, math.Inf(1)))
		return float64(first+last+1) / 2
	}
	sum := 0.0
	for _, v := range a {
		sum += rank(v)
	}
	n, m := float64(len(a)), float64(len(b))
	u := sum - n*(n+1)/2
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}
