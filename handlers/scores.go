package handlers

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/julienschmidt/httprouter"
)

// scoreView is one score of a lead, and what moved it.
type scoreView struct {
	ID        string         `json:"id"`
	Seq       ledger.Seq     `json:"seq"`
	Recorded  time.Time      `json:"recorded_at"`
	Cause     string         `json:"cause"`
	CauseKind string         `json:"cause_kind"`
	CauseText string         `json:"cause_text"` // what happened, as a person would say
	Delta     *float64       `json:"delta"`      // against the score before; null for the first
	Scored    *outbox.Scored `json:"scored"`     // null when erased
}

// scores lists a lead's scores, oldest first.
func (a *api) scores(r *http.Request, p httprouter.Params) (any, error) {
	q := r.URL.Query()
	if err := known(q, "after", "limit"); err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	after, err := a.seqAfter(r.Context(), q)
	if err != nil {
		return nil, err
	}
	contact := p.ByName("contact_id")
	if _, err := a.leadOf(contact); err != nil {
		return nil, err
	}
	return a.scoresOf(r, contact, after, limit)
}

// scoresOf walks the timeline, which has both the scores and what caused them.
func (a *api) scoresOf(r *http.Request, contact string, after ledger.Seq, limit int) (any, error) {
	var views []scoreView
	var place ledger.Seq // of the last moment looked at
	texts := map[string][2]string{}
	for {
		moments, more, err := a.Leads.Timeline(contact, place, maxLimit)
		if err != nil {
			return nil, err
		}
		for _, m := range moments {
			place = ledger.Seq(m.Seq)
			texts[m.EventID] = [2]string{m.Kind, m.Text}
			if m.Kind != outbox.LeadScored || place <= after {
				continue
			}
			if len(views) == limit {
				return listOf(views, views[limit-1].ID), nil
			}
			v, err := a.scoreAt(r, place)
			if err != nil {
				return nil, err
			}
			if said, ok := texts[v.Cause]; ok {
				v.CauseKind, v.CauseText = said[0], said[1]
			} else if v.CauseKind, v.CauseText, err = a.causeOf(r, v.Cause); err != nil {
				return nil, err
			}
			views = append(views, v)
		}
		if !more {
			return listOf(views, ""), nil
		}
	}
}

// wideCauses say what moves scores without being about one contact.
var wideCauses = map[string]string{
	outbox.ClockTicked:              "Time passed",
	outbox.RescoreAsked:             "Every lead was scored anew",
	projections.KindModelPromoted:   "Another model took over",
	projections.KindModelRolledBack: "A model was taken back",
}

// causeOf says what an entry is that is in no contact's timeline.
func (a *api) causeOf(r *http.Request, id string) (kind, text string, err error) {
	e, err := a.entryOf(r.Context(), id)
	if err != nil {
		return "", "", err
	}
	var d projections.ModelDecision
	switch text = wideCauses[e.Kind]; {
	case text == "":
		text = "Something else happened"
	case e.Kind == projections.KindModelPromoted && json.Unmarshal(e.Body, &d) == nil && d.By == projections.ByCardFile:
		text = "The points card was changed"
	}
	return e.Kind, text, nil
}

func (a *api) scoreAt(r *http.Request, seq ledger.Seq) (scoreView, error) {
	page, err := pageOf(r.Context(), a.Log, seq-1, seq)
	if err != nil || len(page) == 0 {
		return scoreView{}, err
	}
	e := page[0]
	v := scoreView{ID: ledger.FormatID(e.ID), Seq: e.Seq, Recorded: e.Recorded, Cause: ledger.FormatID(e.Cause)}
	var s outbox.Scored
	if e.Erased || json.Unmarshal(e.Body, &s) != nil {
		return v, nil
	}
	v.Scored = &s
	if s.Previous != nil {
		delta := math.Round((s.Value-*s.Previous)*100) / 100 // else 73.4-60 is 13.400000000000006
		v.Delta = &delta
	}
	return v, nil
}
