package scoring

import (
	"math"
	"time"
)

// centi is hundredths: of a point, or of a probability. Sums are made of whole
// numbers, so they come out alike on every processor.
type centi int64

func (c centi) float() float64 { return float64(c) / 100 }

// hundredths rounds x. The conversion keeps a processor from fusing the
// product into what follows, which would round differently.
func hundredths(x float64) centi { return centi(math.Round(float64(x * 100))) }

// halves is 2^(-i/16) in units of 2^-16.
var halves = [17]int64{
	65536, 62757, 60097, 57549, 55109, 52773, 50535, 48393, 46341,
	44376, 42495, 40693, 38968, 37316, 35734, 34219, 32768,
}

// decay returns what is left of p after age: half of it after each half. It
// never grows with age, and half zero means that p stays. It is straight
// between sixteenths of half, at most 0.03 % above the true curve.
func decay(p centi, age, half time.Duration) centi {
	if half <= 0 || age <= 0 {
		return p
	}
	secs, period := int64(age/time.Second), int64(half/time.Second)
	whole, place := secs/period, secs%period*16
	if whole > 40 {
		return 0
	}
	i, rest := place/period, place%period
	factor := halves[i] - (halves[i]-halves[i+1])*rest/period
	return centi(int64(p) * factor >> (16 + whole))
}

// dampen returns p times size hundredths, rounded towards zero.
func dampen(p, size centi) centi { return p * size / 100 }
