package outbox

import "time"

// Cap is how many messages a location may send in a time. What exceeds it is
// held for a person.
type Cap struct {
	Messages int
	Per      time.Duration
}

// maxCapWindow is the longest time that a Cap may span.
const maxCapWindow = 24 * time.Hour

func (c Cap) withDefaults() Cap {
	if c.Messages <= 0 || c.Per <= 0 {
		return Cap{Messages: 500, Per: time.Hour}
	}
	c.Per = min(c.Per, maxCapWindow)
	return c
}
