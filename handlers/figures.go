package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/julienschmidt/httprouter"
)

// outcomes lists deals that were won or lost, the newest first.
func (a *api) outcomes(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Outcomes.Runner == nil {
		return nil, &notConfigured
	}
	q := r.URL.Query()
	if err := known(q, "outcome", "reason_category", "contact_id", "location_id", "since", "until", "after", "limit"); err != nil {
		return nil, err
	}
	if err := oneOf(q, "outcome", "won", "lost"); err != nil {
		return nil, err
	}
	f := projections.OutcomeFilter{
		Outcome: q.Get("outcome"), Category: q.Get("reason_category"), Contact: q.Get("contact_id"),
		Location: q.Get("location_id"), After: q.Get("after"),
	}
	var err error
	if f.Since, f.Until, err = timesOf(q); err != nil {
		return nil, err
	}
	if f.Limit, err = limitOf(q); err != nil {
		return nil, err
	}
	list, next, err := a.Outcomes.List(f)
	return listOf(list, next), err
}

// funnel says how far leads came.
func (a *api) funnel(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Outcomes.Runner == nil {
		return nil, &notConfigured
	}
	q := r.URL.Query()
	if err := known(q, "location_id", "source", "since", "until", "by"); err != nil {
		return nil, err
	}
	if err := oneOf(q, "by", "source", "day", "week", "month"); err != nil {
		return nil, err
	}
	since, until, err := timesOf(q)
	if err != nil {
		return nil, err
	}
	return a.Outcomes.Funnel(projections.FunnelFilter{
		Location: q.Get("location_id"), Source: q.Get("source"), Since: since, Until: until, By: q.Get("by"),
	})
}

// campaigns lists what became of each campaign's e-mails.
func (a *api) campaigns(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Outcomes.Runner == nil {
		return nil, &notConfigured
	}
	q := r.URL.Query()
	if err := known(q, "location_id"); err != nil {
		return nil, err
	}
	list, err := a.Outcomes.Campaigns(q.Get("location_id"))
	return listOf(list, ""), err
}

// eventMetrics counts events by type and period.
func (a *api) eventMetrics(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Metrics.Runner == nil {
		return nil, &notConfigured
	}
	q := r.URL.Query()
	if err := known(q, "by", "type", "since", "until"); err != nil {
		return nil, err
	}
	since, until, err := timesOf(q)
	if err != nil {
		return nil, err
	}
	m, err := a.Metrics.Metrics(projections.MetricsFilter{By: q.Get("by"), Type: q.Get("type"), Since: since, Until: until})
	if errors.Is(err, projections.ErrPeriod) {
		return nil, bad("by", "want minute, hour or day")
	}
	return m, err
}

// timesOf reads since and until; zero where they are not given.
func timesOf(q url.Values) (since, until time.Time, err error) {
	for name, at := range map[string]*time.Time{"since": &since, "until": &until} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		if *at, err = parseTime(text); err != nil {
			return since, until, bad(name, "want a time like 2026-01-31T15:04:05Z")
		}
	}
	return since, until, nil
}
