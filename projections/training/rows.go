package training

import (
	"cmp"
	"slices"
	"time"
)

// Horizon is how long after a row its lead's deal may be won and still count.
const Horizon = 90 * 24 * time.Hour

// Row is a lead as it was known at one time, and what became of it.
type Row struct {
	Lead   string    `json:"lead"`
	AsOf   time.Time `json:"as_of"`
	Event  string    `json:"event_id"` // the entry up to which X knows
	X      []float64 `json:"x"`        // of scoring.FeatureSet
	Points float64   `json:"points"`   // what the card said; for Churn scoring.ChurnPoints of its risk
	Tier   string    `json:"tier"`     // by the card
	Y      float64   `json:"y"`        // 1 or 0
	Known  time.Time `json:"known_at"` // when Y could be known; before that it says nothing
	Source string    `json:"source"`   // to slice by; no model sees it
}

// ripe returns the rows whose label was known before a time, and whose horizon
// had passed by then. Without the second, the newest rows would be those that
// were decided fast, which are not like the others.
func ripe(rows []Row, before time.Time) (list []Row) {
	for _, r := range rows {
		if r.Known.Before(before) && !r.AsOf.Add(Horizon).After(before) {
			list = append(list, r)
		}
	}
	return list
}

// lead is what is known of one lead's rows.
type lead struct {
	name  string
	first time.Time
	won   bool
}

// leadsOf lists the leads of rows by their first row.
func leadsOf(rows []Row) []lead {
	at := map[string]int{}
	var list []lead
	for _, r := range rows {
		i, ok := at[r.Lead]
		if !ok {
			i = len(list)
			at[r.Lead] = i
			list = append(list, lead{name: r.Lead, first: r.AsOf})
		}
		list[i].won = list[i].won || r.Y == 1
		if r.AsOf.Before(list[i].first) {
			list[i].first = r.AsOf
		}
	}
	slices.SortFunc(list, func(a, b lead) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.name, b.name))
	})
	return list
}

func wins(leads []lead) (won, lost int) {
	for _, l := range leads {
		if l.won {
			won++
		} else {
			lost++
		}
	}
	return won, lost
}

// split holds the newest leads out. What is left to train on is purged: no
// lead is on both sides, and a row's label was known before the first row that
// is held out.
func split(rows []Row, holdout int) (train, held []Row) {
	leads := leadsOf(rows)
	newest := map[string]bool{}
	for _, l := range leads[len(leads)-holdout:] {
		newest[l.name] = true
	}
	cutoff := leads[len(leads)-holdout].first
	var older []Row
	for _, r := range rows {
		if newest[r.Lead] {
			held = append(held, r)
		} else {
			older = append(older, r)
		}
	}
	return ripe(older, cutoff), held
}

// set is rows as the trainer wants them.
type set struct {
	rows   []Row
	weight []float64 // 1 over the rows of the lead
	fold   []int     // by lead
}

func newSet(rows []Row) set {
	s := set{rows: rows, weight: make([]float64, len(rows)), fold: make([]int, len(rows))}
	n, place := map[string]int{}, map[string]int{}
	for i, l := range leadsOf(rows) {
		place[l.name] = i % folds
	}
	for _, r := range rows {
		n[r.Lead]++
	}
	for i, r := range rows {
		s.weight[i], s.fold[i] = 1/float64(n[r.Lead]), place[r.Lead]
	}
	return s
}

// folds is how many parts a set has where each is judged by the others.
const folds = 5

// part returns the rows of one fold, or all others.
func (s set) part(fold int, others bool) (list []int) {
	for i, f := range s.fold {
		if (f == fold) != others {
			list = append(list, i)
		}
	}
	return list
}

func (s set) judged(p func(Row) float64) []Judged {
	list := make([]Judged, len(s.rows))
	for i, r := range s.rows {
		list[i] = Judged{P: p(r), Y: r.Y, Weight: s.weight[i], Lead: r.Lead}
	}
	return list
}

func (s set) baseRate() float64 {
	return mean(s.judged(func(Row) float64 { return 0 }), func(j Judged) float64 { return j.Y })
}
