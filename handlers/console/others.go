package console

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

type quarantined struct {
	ID       string            `json:"id"`
	State    string            `json:"state"`
	Cause    string            `json:"cause"`
	Fields   map[string]string `json:"fields"`
	Type     string            `json:"type"`
	Scheme   string            `json:"scheme"`
	Dialect  string            `json:"dialect"`
	Location string            `json:"location_id"`
	Contact  string            `json:"contact_id"`
	Recorded *time.Time        `json:"recorded_at"`
	Size     int               `json:"size"`
	EventID  string            `json:"event_id"`
	Erased   bool              `json:"erased"`
	Raw      *string           `json:"raw"`
	Headers  map[string]string `json:"headers"`
	KeyName  string            `json:"key_name"`
}

// Text is the body as it came, as far as it is text.
func (x quarantined) Text() string {
	if x.Raw == nil {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(*x.Raw)
	if err != nil {
		return *x.Raw
	}
	return string(b)
}

type quarantinePage struct {
	Filter url.Values
	Items  []quarantined
	Next   string
}

func (c *console) quarantine(q *request) (page, error) {
	p := quarantinePage{Filter: pick(q.URL.Query(), "state", "cause", "location_id", "type")}
	values := clone(p.Filter)
	values.Set("after", q.FormValue("after"))
	if values.Get("after") == "" {
		values.Del("after")
	}
	var l listOf[quarantined]
	err := q.get("/api/v1/quarantine", values, &l)
	p.Items, p.Next = l.Data, l.more()
	return page{Name: "quarantine", Title: "Quarantine", Data: p}, err
}

func (c *console) quarantined(q *request) (page, error) {
	var x quarantined
	err := q.get(apiPath("quarantine", q.id("id")), nil, &x)
	return page{Name: "quarantined", Nav: "quarantine", Title: "Quarantined " + short(x.ID), Data: x}, err
}

type projection struct {
	Name       string  `json:"name"`
	Version    int     `json:"version"`
	Generation uint64  `json:"generation"`
	Seq        uint64  `json:"seq"`
	Head       uint64  `json:"head"`
	LagEvents  uint64  `json:"lag_events"`
	LagSeconds float64 `json:"lag_seconds"`
	State      string  `json:"state"`
	Parked     int     `json:"parked"`
	Rebuild    *struct {
		Seq     uint64   `json:"seq"`
		Target  uint64   `json:"target"`
		Percent float64  `json:"percent"`
		Rate    float64  `json:"events_per_second"`
		ETA     *float64 `json:"eta_seconds"`
	} `json:"rebuild"`
}

func (c *console) projections(q *request) (page, error) {
	var l listOf[projection]
	err := q.get("/api/v1/projections", nil, &l)
	return page{Name: "projections", Title: "Projections", Data: l.Data}, err
}

// progress is what the script of the projections page asks for.
func (c *console) progress(w http.ResponseWriter, r *http.Request) {
	c.signedIn(w, r, func(q *request) { q.through(w, "/api/v1/projections", nil) })
}

// live passes new entries on, as server-sent events.
func (c *console) live(w http.ResponseWriter, r *http.Request) {
	c.signedIn(w, r, func(q *request) {
		q.through(w, "/api/v1/stream", pick(r.URL.Query(), "kind", "contact_id", "location_id", "q", "since", "until"))
	})
}

// raw is a body as a file, byte for byte.
func (c *console) raw(w http.ResponseWriter, r *http.Request) {
	c.signedIn(w, r, func(q *request) { q.through(w, apiPath("events", q.id("id"), "raw"), nil) })
}

// download is an export as a file.
func (c *console) download(w http.ResponseWriter, r *http.Request) {
	c.signedIn(w, r, func(q *request) {
		values := pick(r.URL.Query(), "dataset", "format", "after", "until", "pii")
		f := &file{ResponseWriter: w, name: values.Get("dataset") + "." + values.Get("format")}
		q.through(f, "/api/v1/export", values)
		if f.refused() {
			c.render(w, q, trouble(problemOf(f.said)))
		}
	})
}

// signedIn answers what is not a page: without a session it is refused.
func (c *console) signedIn(w http.ResponseWriter, r *http.Request, do func(q *request)) {
	s, ok := c.sessions.of(r)
	if !ok {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	do(&request{Request: r, c: c, s: s})
}

type outcome struct {
	OpportunityID   string     `json:"opportunity_id"`
	ContactID       string     `json:"contact_id"`
	Outcome         string     `json:"outcome"`
	PropertyAddress string     `json:"property_address"`
	FinalPrice      *float64   `json:"final_price"`
	Value           float64    `json:"value"`
	CloseDate       string     `json:"close_date"`
	Reason          string     `json:"reason"`
	ReasonCategory  string     `json:"reason_category"`
	EventID         string     `json:"event_id"`
	Ended           *time.Time `json:"ended_at"`
}

type funnel struct {
	Total struct {
		Leads  int `json:"leads"`
		Stages []struct {
			Stage      string   `json:"stage"`
			Reached    int      `json:"reached"`
			Now        int      `json:"now"`
			Value      float64  `json:"value"`
			Conversion *float64 `json:"conversion_percent"`
			Median     *float64 `json:"median_seconds_from_before"`
		} `json:"stages"`
		Lost    int `json:"lost"`
		LostWhy []struct {
			Category string  `json:"reason_category"`
			Deals    int     `json:"deals"`
			Value    float64 `json:"value"`
		} `json:"lost_reasons"`
	} `json:"total"`
}

type outcomesPage struct {
	Filter   url.Values
	Funnel   funnel
	Outcomes []outcome
	Next     string
}

func (c *console) outcomes(q *request) (page, error) {
	p := outcomesPage{Filter: pick(q.URL.Query(), "outcome", "reason_category")}
	if err := q.get("/api/v1/funnel", nil, &p.Funnel); err != nil {
		return page{}, err
	}
	values := clone(p.Filter)
	values.Set("after", q.FormValue("after"))
	var l listOf[outcome]
	err := q.get("/api/v1/outcomes", values, &l)
	p.Outcomes, p.Next = l.Data, l.more()
	return page{Name: "outcomes", Title: "Outcomes and funnel", Data: p}, err
}

// isMissing reports whether the service runs without the part that was asked for.
func isMissing(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && (p.Status == http.StatusNotFound || p.Code == "not_configured")
}

type exportPage struct {
	Chosen  url.Values
	Admin   bool
	Preview string // the first lines, when they were asked for
}

// previewLines is how much of an export its preview shows.
const previewLines = 10

func (c *console) export(q *request) (page, error) {
	p := exportPage{Chosen: pick(q.URL.Query(), "dataset", "format", "after", "until", "pii"), Admin: q.s.Role == "admin"}
	if p.Chosen.Get("dataset") != "" {
		values := clone(p.Chosen)
		values.Set("format", "jsonl") // the one that reads on a page
		text, err := q.head("/api/v1/export", values, previewLines)
		if err != nil {
			return page{}, err
		}
		p.Preview = text
	}
	return page{Name: "export", Title: "Export", Data: p}, nil
}

type audited struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Contact  string          `json:"contact_id"`
	Recorded *time.Time      `json:"recorded_at"`
	Deed     json.RawMessage `json:"deed"`
}

// deed is what a person did.
type deed struct {
	By struct {
		Role string `json:"role"`
	} `json:"by"`
	On     string `json:"on"`
	Reason string `json:"reason"`
}

// Did returns the deed; the zero one where it was erased.
func (a audited) Did() (d deed) {
	_ = json.Unmarshal(a.Deed, &d) // null, or ours
	return d
}

type auditPage struct {
	Acts []audited
	Next string
}

func (c *console) audit(q *request) (page, error) {
	var p auditPage
	values := url.Values{"order": {"desc"}}
	if after := q.FormValue("after"); after != "" {
		values.Set("after", after)
	}
	var l listOf[audited]
	err := q.get("/api/v1/audit", values, &l)
	p.Acts, p.Next = l.Data, l.more()
	return page{Name: "audit", Title: "Audit", Data: p}, err
}
