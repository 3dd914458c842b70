package outbox

import (
	"context"
	"fmt"
	"math"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Rescore says what scoring every lead anew would change: the plan that people
// see before they ask for it. Asking is an entry of kind RescoreAsked, for its
// Location or for all; the planner answers it for every lead, keyed by entry
// and contact, and PendingView.Planned tells when it has. It sends fields where
// the score moved, and never a message.
type Rescore struct {
	Roll   Roll
	Models Models // the one in force now scores
	Scorer Scorer // scores, where it is not nil
}

// Now is a place that no ledger reaches: what is in force there is so now.
const Now = ledger.Seq(math.MaxInt64)

// ScoreChange is one lead whose score would be another.
type ScoreChange struct {
	ContactID     string  `json:"contact_id"`
	Before        float64 `json:"before"`
	After         float64 `json:"after"`
	QualityBefore string  `json:"quality_before"`
	Quality       string  `json:"quality"`
	Action        string  `json:"action"` // the first one, after
}

// RescorePlan is what would change.
type RescorePlan struct {
	Leads   int            `json:"leads"`   // that have a score
	Changed int            `json:"changed"` // whose score, tier or first action would be another
	Moves   map[string]int `json:"moves"`   // how many would change tier, as "warm to hot"
	Sample  []ScoreChange  `json:"sample"`  // the first twenty
}

// maxSample is how many leads a plan shows.
const maxSample = 20

// Plan works the plan out for a location, or for all, and changes nothing.
func (r Rescore) Plan(ctx context.Context, location string) (RescorePlan, error) {
	p := RescorePlan{Moves: map[string]int{}, Sample: []ScoreChange{}}
	by := r.Scorer
	if by == nil {
		m, err := r.Models.InForce(Now)
		if err != nil {
			return p, fmt.Errorf("plan a rescore: %w", err)
		}
		by = m
	}
	for after, more := "", true; more; more = after != "" {
		leads, next, err := r.Roll.Roll(location, after, rollPage)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return p, fmt.Errorf("plan a rescore: %w", err)
		}
		for _, lead := range leads {
			if lead.Score != nil {
				p.add(lead, by)
			}
		}
		after = next
	}
	return p, nil
}

func (p *RescorePlan) add(lead projections.Lead, by Scorer) {
	p.Leads++
	before := *lead.Score
	after := scoreAnew(lead, &before, by)
	if !differs(before, after, wide[RescoreAsked].sent) {
		return
	}
	p.Changed++
	if before.Quality != after.Quality {
		p.Moves[before.Quality+" to "+after.Quality]++
	}
	if len(p.Sample) < maxSample {
		p.Sample = append(p.Sample, ScoreChange{
			ContactID: lead.ContactID, Before: round2(before.Value), After: round2(after.Value),
			QualityBefore: before.Quality, Quality: after.Quality, Action: firstAction(after).Action,
		})
	}
}

// scoreAnew scores a lead, knowing the score before: its tier has inertia.
func scoreAnew(lead projections.Lead, before *scoring.Score, by Scorer) scoring.Score {
	if before != nil {
		lead.Facts.Quality = before.Quality
	}
	return by.Score(lead.Facts).Since(before)
}
