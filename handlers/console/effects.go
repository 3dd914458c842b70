package console

import (
	"fmt"
	"net/url"
	"time"
)

type effect struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Contact   string         `json:"contact_id"`
	Location  string         `json:"location_id"`
	Cause     string         `json:"cause"`
	State     string         `json:"state"`
	Attempts  int            `json:"attempts"`
	Next      *time.Time     `json:"next_attempt_at"`
	Error     string         `json:"error"`
	Status    string         `json:"status"`
	Requested *time.Time     `json:"requested_at"`
	Delivered *time.Time     `json:"delivered_at"`
	Request   map[string]any `json:"request"`
}

// MayRetry, MayRelease and MayDiscard say what its state allows.
func (e effect) MayRetry() bool   { return e.State == "dead" || e.State == "discarded" }
func (e effect) MayRelease() bool { return e.State == "held" }
func (e effect) MayDiscard() bool {
	return e.State == "dead" || e.State == "held" || e.State == "pending"
}

// states are those of an effect, for the filter's list.
var states = []string{"pending", "held", "dead", "delivered", "superseded", "discarded", "dry_run"}

type effectsPage struct {
	Filter  url.Values
	States  []string
	Effects []effect
	Next    string
	Sender  sender
}

// sender is what keeps effects from going out.
type sender struct {
	Mode   string `json:"mode"`
	Paused bool   `json:"paused"`
	NoKey  bool   `json:"no_key"`
	Holds  []struct {
		Location string `json:"location_id"`
		Call     string `json:"call"`
		Reason   string `json:"reason"`
	} `json:"holds"`
	States map[string]int `json:"states"`
	Oldest *time.Time     `json:"oldest_pending_at"` // null when nothing is pending
}

// Stopped says why nothing at all goes out; empty when something may.
func (s sender) Stopped() string {
	switch {
	case s.Mode == "dry-run":
		return "Dry run: nothing is sent"
	case s.Mode == "off":
		return "Effects are off: nothing is sent"
	case s.Paused:
		return "Sending is paused"
	case s.NoKey:
		return "No GHL_API_KEY: nothing is sent, it is held"
	}
	return ""
}

// Waiting is how many effects are due or wait for their next try.
func (s sender) Waiting() int { return s.States["pending"] }

func (c *console) effects(q *request) (page, error) {
	p := effectsPage{Filter: pick(q.URL.Query(), "state", "contact_id", "location_id", "kind"), States: states}
	values := clone(p.Filter)
	values.Set("after", q.FormValue("after"))
	var l listOf[effect]
	if err := q.get("/api/v1/effects", values, &l); err != nil {
		return page{}, err
	}
	p.Effects, p.Next = l.Data, l.more()
	err := q.get("/api/v1/sender", nil, &p.Sender)
	return page{Name: "effects", Title: "Effects", Data: p}, err
}

type effectPage struct {
	effect
	Story []event // the entries about it, oldest first
}

func (c *console) effect(q *request) (page, error) {
	var p effectPage
	if err := q.get(apiPath("effects", q.id("id")), nil, &p.effect); err != nil {
		return page{}, err
	}
	var request eventDetail
	if err := q.get(apiPath("events", p.ID), nil, &request); err != nil {
		return page{}, err
	}
	p.Story = []event{request.event}
	for _, id := range request.Caused {
		var e eventDetail
		if err := q.get(apiPath("events", id), nil, &e); err != nil {
			return page{}, err
		}
		p.Story = append(p.Story, e.event)
	}
	return page{Name: "effect", Nav: "effects", Title: p.Kind, Data: p}, nil
}

// group is what many dead letters have in common.
type group struct {
	Kind   string     `json:"kind"`
	Error  string     `json:"error"`
	Count  int        `json:"count"`
	Oldest *time.Time `json:"oldest"`
	Newest *time.Time `json:"newest"`
}

type deadLettersPage struct {
	Groups  []group
	Chosen  url.Values // kind and error of the group looked at
	Letters []effect
	Next    string
}

func (c *console) deadLetters(q *request) (page, error) {
	p := deadLettersPage{Chosen: pick(q.URL.Query(), "kind", "error", "contact_id")}
	var groups listOf[group]
	if err := q.get("/api/v1/effects", url.Values{"state": {"dead"}, "group": {"error"}}, &groups); err != nil {
		return page{}, err
	}
	values := clone(p.Chosen)
	values.Set("state", "dead")
	values.Set("after", q.FormValue("after"))
	var l listOf[effect]
	err := q.get("/api/v1/effects", values, &l)
	p.Groups, p.Letters, p.Next = groups.Data, l.Data, l.more()
	return page{Name: "dead-letters", Title: "Dead letters", Data: p}, err
}

// bulk is many effects at once: what the API's POST effects takes.
type bulk struct {
	Action   string `json:"action"`
	State    string `json:"state,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Error    string `json:"error,omitempty"`
	Contact  string `json:"contact_id,omitempty"`
	Location string `json:"location_id,omitempty"`
	Reason   string `json:"reason,omitempty"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

// bulkEffects does one thing to all effects of a group; the preview only counts.
func (c *console) bulkEffects(q *request) (said string, err error) {
	b := bulk{
		Action: q.PostFormValue("action"), State: q.PostFormValue("state"), Kind: q.PostFormValue("kind"),
		Error: q.PostFormValue("error"), Reason: q.PostFormValue("reason"), DryRun: q.PostFormValue("preview") != "",
	}
	var came struct {
		Count int `json:"count"`
		Total int `json:"total"`
	}
	if err := q.post("/api/v1/effects", b, &came); err != nil {
		return "", err
	}
	if b.DryRun {
		return fmt.Sprintf("Preview: %s would %s. Nothing was done.", plural(came.Count, "effect", "effects"), b.Action), nil
	}
	return fmt.Sprintf("Started: %s %s, one after the other.", b.Action, plural(came.Total, "effect", "effects")), nil
}

// turnSender pauses or resumes all that goes out.
func (c *console) turnSender(q *request) (said string, err error) {
	verb := q.id("verb")
	if err := q.post("/api/v1/sender/"+url.PathEscape(verb), map[string]string{"reason": q.PostFormValue("reason")}, nil); err != nil {
		return "", err
	}
	if verb == "pause" {
		return "Paused: nothing goes out to GoHighLevel until you resume.", nil
	}
	return "Resumed.", nil
}

// done is what each act came to, in a person's words.
var done = map[string]string{
	"effects/retry": "Sent again: it is pending now.", "effects/release": "Released: it is pending now.", "effects/discard": "Discarded.",
	"quarantine/admit": "Admitted: it is an ordinary event now.", "quarantine/discard": "Discarded. Its bytes stay in the ledger.",
	"projections/rebuild": "Rebuilding beside the live view; reads go on.", "projections/rollback": "Rolled back to the generation before.",
	"models/promote": "It serves from now on: every lead is scored anew.", "models/rollback": "The model before serves again: every lead is scored anew.", "models/evaluate": "It is being tried on what came since.",
	"leads/opt-out": "Opted out: no message goes to this contact.", "leads/opt-in": "Opted in.",
}

// actOnOne does one thing to one object.
func (c *console) actOnOne(q *request) (said string, err error) {
	thing, verb := q.id("thing"), q.id("verb")
	said, ok := done[thing+"/"+verb]
	if !ok {
		return "", &problem{Status: 404, Short: "Not found", Message: "There is no such act."}
	}
	var in any
	if reason := q.PostFormValue("reason"); reason != "" {
		in = map[string]string{"reason": reason}
	}
	return said, q.post(apiPath(thing, q.id("id"), verb), in, nil)
}
