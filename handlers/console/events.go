package console

import (
	"net/url"
	"strings"
	"time"
)

// listOf is a page of any list of the API.
type listOf[T any] struct {
	Data []T     `json:"data"`
	Next *string `json:"next"`
}

// more is the cursor of the next page; "" at the end.
func (l listOf[T]) more() string {
	if l.Next == nil {
		return ""
	}
	return *l.Next
}

type event struct {
	ID       string     `json:"id"`
	Seq      uint64     `json:"seq"`
	Kind     string     `json:"kind"`
	Status   string     `json:"status"`
	Contact  string     `json:"contact_id"`
	Location string     `json:"location_id"`
	Key      string     `json:"key"`
	Cause    string     `json:"cause"`
	Scheme   string     `json:"scheme"`
	Dialect  string     `json:"dialect"`
	Occurred *time.Time `json:"occurred_at"`
	Recorded *time.Time `json:"recorded_at"`
	Hash     string     `json:"hash"`
	Size     int        `json:"size"`
	Conflict bool       `json:"conflict"`
	Backfill bool       `json:"backfill"`
	Erased   bool       `json:"erased"`
}

type eventDetail struct {
	event
	Body     *string `json:"body"`
	Verified *struct {
		Scheme  string `json:"scheme"`
		KeyName string `json:"key_name"`
	} `json:"verified_by"`
	Caused  []string   `json:"caused"`
	Arrived *time.Time `json:"arrived_at"`
}

// eventsPage is the list of entries, newest first.
type eventsPage struct {
	Filter url.Values
	Ours   bool // the service's own entries too
	Events []event
	Next   string
	Live   string // where new entries come from, with the same filter
	Kinds  []string
}

// sent are the kinds that GoHighLevel sends, for the filter's list.
var sent = []string{
	"contact.created", "contact.updated", "contact.deleted", "opportunity.created", "opportunity.updated", "opportunity.won",
	"opportunity.lost", "appointment.scheduled", "appointment.completed", "appointment.missed", "message.received",
	"message.sent", "campaign.opened", "campaign.clicked",
}

// received are the kinds shown where nothing else is asked for.
var received = "contact.*,opportunity.*,appointment.*,message.*,campaign.*,unknown.*,email.*"

func (c *console) events(q *request) (page, error) {
	filter := pick(q.URL.Query(), "kind", "contact_id", "location_id", "since", "until", "q")
	p := eventsPage{Filter: filter, Ours: q.FormValue("all") != "", Kinds: sent}
	values := clone(filter)
	if values.Get("kind") == "" && !p.Ours {
		values.Set("kind", received)
	}
	p.Live = "/console/live?" + values.Encode()
	values.Set("order", "desc")
	values.Set("limit", "50")
	if after := q.FormValue("after"); after != "" {
		values.Set("after", after)
		p.Live = "" // an older page does not grow
	}
	var l listOf[event]
	err := q.get("/api/v1/events", values, &l)
	p.Events, p.Next = l.Data, l.more()
	return page{Name: "events", Title: "Events", Data: p}, err
}

// eventPage is one entry, and what followed from it.
type eventPage struct {
	eventDetail
	Followed []followed
}

// followed is an entry that the event caused, with those that it caused in turn.
type followed struct {
	event
	Attempts []event
}

func (c *console) event(q *request) (page, error) {
	var p eventPage
	if err := q.get(apiPath("events", q.id("id")), nil, &p.eventDetail); err != nil {
		return page{}, err
	}
	for _, id := range p.Caused {
		var e eventDetail
		if err := q.get(apiPath("events", id), nil, &e); err != nil {
			return page{}, err
		}
		f := followed{event: e.event}
		for _, next := range e.Caused {
			var a eventDetail
			if err := q.get(apiPath("events", next), nil, &a); err != nil {
				return page{}, err
			}
			f.Attempts = append(f.Attempts, a.event)
		}
		p.Followed = append(p.Followed, f)
	}
	return page{Name: "event", Nav: "events", Title: p.Kind, Data: p}, nil
}

// IsEffect reports whether the entry asks for something at GoHighLevel.
func (f followed) IsEffect() bool { return f.Kind == "effect.requested" }

// pick returns those of values that are named and not empty.
func pick(values url.Values, names ...string) url.Values {
	picked := url.Values{}
	for _, n := range names {
		if v := strings.TrimSpace(values.Get(n)); v != "" {
			picked.Set(n, v)
		}
	}
	return picked
}

func clone(values url.Values) url.Values {
	c := url.Values{}
	for n := range values {
		c.Set(n, values.Get(n))
	}
	return c
}
