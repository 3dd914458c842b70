package console

import (
	"net/http"
	"net/url"
	"time"
)

type overviewPage struct {
	Ready   ready
	Ledger  ledger
	Views   []projection
	Dead    []group
	Sender  sender
	Alerts  []alert
	Metrics *metrics // nil while the service does not count
	Chart   *chart
	Now     time.Time
}

type ready struct {
	Status   string   `json:"status"`
	Causes   []string `json:"causes"`
	Warnings []string `json:"warnings"`
}

type ledger struct {
	Seq    uint64     `json:"seq"`
	Bytes  int64      `json:"bytes"`
	Oldest *time.Time `json:"oldest"`
	Newest *time.Time `json:"newest"`
	Hash   string     `json:"hash"`
	Backup *time.Time `json:"newest_backup_at"`
}

// alert is one kind of what the operators were alerted of.
type alert struct {
	Severity string     `json:"severity"`
	Title    string     `json:"title"`
	Text     string     `json:"text"`
	Count    int        `json:"count"`
	Last     *time.Time `json:"last_at"`
}

// DeadCount is how many dead letters wait for a person.
func (p overviewPage) DeadCount() (n int) {
	for _, g := range p.Dead {
		n += g.Count
	}
	return n
}

// Lag is the largest of the views' lags, in events.
func (p overviewPage) Lag() (n uint64) {
	for _, v := range p.Views {
		n = max(n, v.LagEvents)
	}
	return n
}

// Parked counts the entries that a view could not fold.
func (p overviewPage) Parked() (n int) {
	for _, v := range p.Views {
		n += v.Parked
	}
	return n
}

func (c *console) overview(q *request) (page, error) {
	p := overviewPage{Now: c.Now()}
	// readyz answers 503 with the causes where it is not ready.
	if err := q.get("/readyz", nil, &p.Ready); err != nil && statusOf(err) != http.StatusServiceUnavailable {
		return page{}, err
	}
	var views listOf[projection]
	var dead listOf[group]
	for _, ask := range []struct {
		path   string
		values url.Values
		out    any
	}{
		{"/api/v1/ledger", nil, &p.Ledger},
		{"/api/v1/projections", nil, &views},
		{"/api/v1/effects", url.Values{"state": {"dead"}, "group": {"error"}}, &dead},
		{"/api/v1/sender", nil, &p.Sender},
	} {
		if err := q.get(ask.path, ask.values, ask.out); err != nil {
			return page{}, err
		}
	}
	var raised listOf[alert]
	if err := q.get("/api/v1/alerts", nil, &raised); err != nil && !isMissing(err) {
		return page{}, err
	}
	p.Views, p.Dead, p.Alerts = views.Data, dead.Data, raised.Data
	if err := p.count(q); err != nil {
		return page{}, err
	}
	return page{Name: "overview", Title: "Overview", Data: p}, nil
}

// metrics is the last hour, by minute.
type metrics struct {
	Total struct {
		Count   int      `json:"count"`
		Failure int      `json:"failure"`
		P95     *float64 `json:"p95_processing_time_ms"`
		Periods []metric `json:"periods"`
	} `json:"total"`
}

// metric is one minute.
type metric struct {
	At     time.Time `json:"start"`
	Count  int       `json:"count"`
	Failed int       `json:"failure"`
}

// count gathers the last hour's numbers.
func (p *overviewPage) count(q *request) error {
	since := p.Now.Add(-time.Hour).Truncate(time.Minute)
	var m metrics
	err := q.get("/api/v1/metrics", url.Values{"by": {"minute"}, "since": {since.UTC().Format(time.RFC3339)}}, &m)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p.Metrics = &m
	p.Chart = minuteChart(m.Total.Periods, since, p.Now)
	return nil
}
