package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

type lead struct {
	ContactID  string     `json:"contact_id"`
	LocationID string     `json:"location_id"`
	Name       string     `json:"name"`
	Email      string     `json:"email"`
	Phone      string     `json:"phone"`
	Source     string     `json:"source"`
	Status     string     `json:"status"`
	Tags       []string   `json:"tags"`
	OptedOut   bool       `json:"opted_out"`
	Score      *float64   `json:"score"`
	Confidence *float64   `json:"confidence"`
	Quality    string     `json:"quality"`
	ChurnRisk  *float64   `json:"churn_risk"`
	ModelID    string     `json:"model_id"`
	Reasons    []reason   `json:"reasons"`
	Churn      []reason   `json:"churn_reasons"`
	Actions    []action   `json:"recommended_actions"`
	Created    *time.Time `json:"created_at"`
	Updated    *time.Time `json:"updated_at"`

	Preferences struct {
		BudgetMin      float64  `json:"budget_min"`
		BudgetMax      float64  `json:"budget_max"`
		TimelineMonths *float64 `json:"timeline_months"`
		PropertyType   string   `json:"property_type"`
		Locations      []string `json:"locations"`
	} `json:"preferences"`
	Opportunities []struct {
		ID              string  `json:"opportunity_id"`
		Name            string  `json:"name"`
		Value           float64 `json:"value"`
		Status          string  `json:"status"`
		Stage           string  `json:"stage"`
		PropertyAddress string  `json:"property_address"`
	} `json:"opportunities"`
	Appointments []struct {
		Status          string     `json:"status"`
		Start           *time.Time `json:"appointment_date"`
		PropertyAddress string     `json:"property_address"`
	} `json:"appointments"`
	Matches []struct {
		PropertyAddress string  `json:"property_address"`
		Value           float64 `json:"value"`
	} `json:"property_matches"`
}

type reason struct {
	Code    string  `json:"code"`
	Points  float64 `json:"points"`
	Text    string  `json:"text"`
	EventID string  `json:"event_id"`
}

type action struct {
	Action   string    `json:"action"`
	Priority int       `json:"priority"`
	Due      time.Time `json:"due"`
	Because  []string  `json:"because"`
}

type leadsPage struct {
	Filter url.Values
	Leads  []lead
	Next   string
}

func (c *console) leads(q *request) (page, error) {
	p := leadsPage{Filter: pick(q.URL.Query(), "quality", "status", "location_id", "min_score", "q", "sort")}
	values := clone(p.Filter)
	if values.Get("sort") == "" {
		values.Set("sort", "score")
	}
	values.Set("after", q.FormValue("after"))
	var l listOf[lead]
	err := q.get("/api/v1/leads", values, &l)
	p.Leads, p.Next = l.Data, l.more()
	return page{Name: "leads", Title: "Leads", Data: p}, err
}

type moment struct {
	EventID  string     `json:"event_id"`
	Kind     string     `json:"kind"`
	Occurred *time.Time `json:"occurred_at"`
	Recorded *time.Time `json:"recorded_at"`
	Text     string     `json:"text"`
}

type scored struct {
	ID        string     `json:"id"`
	Recorded  *time.Time `json:"recorded_at"`
	Cause     string     `json:"cause"`
	CauseText string     `json:"cause_text"`
	Delta     *float64   `json:"delta"`
	Scored    *struct {
		Score   float64 `json:"score"`
		Quality string  `json:"quality"`
	} `json:"scored"`
}

type leadPage struct {
	lead
	Base     float64  // of a lead of which nothing is known: the reasons add up to the difference
	Timeline []moment // newest first
	Scores   []scored // oldest first
	Chart    *chart
}

func (c *console) lead(q *request) (page, error) {
	p := leadPage{Base: scoring.Base}
	path := apiPath("leads", q.id("id"))
	if err := q.get(path, nil, &p.lead); err != nil {
		return page{}, err
	}
	var err error
	if p.Timeline, err = all[moment](q, path+"/timeline"); err != nil {
		return page{}, err
	}
	if p.Scores, err = all[scored](q, path+"/scores"); err != nil {
		return page{}, err
	}
	slices.Reverse(p.Timeline)
	p.Chart = scoreChart(p.Scores)
	name := p.Name
	if name == "" {
		name = p.ContactID
	}
	return page{Name: "lead", Nav: "leads", Title: name, Data: p}, nil
}

// pageRows bounds how much of a long list one page of the console shows.
const pageRows = 2000

// all reads a list to its end and returns the last of it, as much as a page can
// show: what is newest comes last.
func all[T any](q *request, path string) (items []T, err error) {
	values := url.Values{"limit": {"500"}}
	for {
		var l listOf[T]
		if err := q.get(path, values, &l); err != nil {
			return nil, err
		}
		items = append(items, l.Data...)
		if len(items) > pageRows {
			items = slices.Delete(items, 0, len(items)-pageRows)
		}
		if l.Next == nil {
			return items, nil
		}
		values.Set("after", *l.Next)
	}
}
