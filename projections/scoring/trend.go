package scoring

// The trends of a score.
const (
	First   = "first" // there was no score before
	Rising  = "rising"
	Falling = "falling"
	Steady  = "steady"
)

// steadyWithin is how far a score moves without meaning anything, in hundredths.
const steadyWithin = 100

// Since returns s with how it moved against the score before, which is nil for
// a first one.
func (s Score) Since(before *Score) Score {
	if before == nil {
		s.Trend, s.Delta = First, nil
		return s
	}
	moved := hundredths(s.Value) - hundredths(before.Value)
	delta := moved.float()
	s.Delta, s.Trend = &delta, Steady
	switch {
	case moved >= steadyWithin:
		s.Trend = Rising
	case moved <= -steadyWithin:
		s.Trend = Falling
	}
	return s
}
