package projections

import (
	"strings"
	"time"
)

// What is counted of a lead, by name of counter:
//
//	leads             1
//	now/<status>      where it stands; with $ in front its open deals, or those won
//	reached/<stage>   it came this far
//	to/<stage>        the time since it reached the stage before
//	deals/<status>    its deals, open, won and lost; with $ their value
//	closed            the time from a deal's first report to its winning
//	lost/<reason>     its lost deals by category, or by # and id of the reason
//	stage/<pipeline>\x00<stage>  its open deals by stage

// FunnelStages are how far a lead can come, in order. Who reached one reached
// those before it too.
var FunnelStages = []LeadStatus{StatusNew, StatusEngaged, StatusTouring, StatusNegotiating, StatusSold}

// counted returns what is counted of the row, and the key of its cell.
func (r rows) counted(contact string, row *personRow) (cell []byte, t tally) {
	switch {
	case row.Forgotten:
		return row.Envelope.counted()
	case row.hidden():
		return nil, nil
	}
	touched := r.firstTouch(row.subjects(contact))
	t = tally{"leads": 1}
	r.countDeals(t, row)
	t.sum("now/"+string(r.lifeOf(row, touched).status()), t.worth())
	reached := r.reached(row, touched)
	for i, stage := range FunnelStages {
		if reached[i].isZero() {
			break
		}
		t.bump("reached/"+string(stage), 1)
		if i > 0 {
			t.took("to/"+string(stage), reached[i].time().Sub(reached[i-1].time()))
		}
	}
	return cellKey(row.Location.V, row.Source.V, row.First.time()), t
}

// worth is what the lead's open deals are worth, else what it has bought.
func (t tally) worth() float64 {
	if t["deals/open"] > 0 {
		return t.money("deals/open")
	}
	return t.money("deals/won")
}

// cellKey: a source is written as people would see it, and is no longer than a
// key may be.
func cellKey(location, source string, day time.Time) []byte {
	source = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(source, "\x00", " ")), " "))
	source = strings.ToValidUTF8(source[:min(len(source), 200)], "")
	return key(location, source, day.UTC().Format(time.DateOnly))
}

// countDeals counts the deals that were not deleted.
func (r rows) countDeals(t tally, row *personRow) {
	for _, deal := range row.Deals {
		switch c := r.closing(row.Location.V, &deal.opportunityRow); c.status {
		case "open":
			t.sum("deals/open", deal.Value.V)
			t.sum("stage/"+idOrName(deal.Fields, "pipeline")+"\x00"+idOrName(deal.Fields, "stage"), deal.Value.V)
		case "won":
			t.sum("deals/won", c.price)
			t.took("closed", c.since.time().Sub(deal.First.time()))
		case "lost":
			t.sum("deals/lost", deal.Value.V)
			t.sum("lost/"+deal.reason(c.since), deal.Value.V)
		}
	}
}

// reason is the category of what was said since the deal was lost, or # and
// the reason's id, whose name may not be known yet.
func (deal *dealRow) reason(since stamp) string {
	byName, byID := deal.Fields["reason"], deal.Fields["#reason"]
	switch {
	case byID.V != "" && byID.S.after(byName.S) && !since.after(byID.S):
		return "#" + byID.V
	case !since.after(byName.S):
		return ReasonCategory(byName.V)
	}
	return LostOther
}

// idOrName is what names the field newest: its name, or # and its id.
func idOrName(fields map[string]register[string], field string) string {
	byName, byID := fields[field], fields["#"+field]
	if byID.V != "" && byID.S.after(byName.S) {
		return "#" + byID.V
	}
	return strings.ReplaceAll(byName.V, "\x00", " ")
}

// reached is since when the person has come as far as each of FunnelStages;
// zero for those that it did not reach.
func (r rows) reached(row *personRow, touched stamp) (at [5]stamp) {
	engaged, touring, toured, dealt, bargained, sold := row.Engaged, stamp{}, stamp{}, stamp{}, stamp{}, stamp{}
	engaged.earlier(touched)
	for _, tour := range row.Tours {
		for _, sp := range tour {
			engaged.earlier(sp.First)
		}
		touring.earlier(tour["scheduled"].First)
		touring.earlier(tour["completed"].First)
		toured.earlier(tour["completed"].First)
	}
	for _, deal := range row.Deals {
		engaged.earlier(deal.First)
		dealt.earlier(deal.Status["open"].First)
		bargained.earlier(r.bargained(row.Location.V, deal))
		if state, since := deal.Status.current(); state == "won" {
			sold.earlier(since)
		}
	}
	if !toured.isZero() && !dealt.isZero() {
		bargained.earlier(later(toured, dealt))
	}
	at = [5]stamp{row.First, engaged, touring, bargained, sold}
	for i := len(at) - 2; i >= 0; i-- {
		at[i].earlier(at[i+1])
	}
	return at
}

// bargained is when the deal was first in a stage that sounds like a bargain.
func (r rows) bargained(location string, deal *dealRow) (first stamp) {
	for stage, sp := range deal.Stages {
		if id, ok := strings.CutPrefix(stage, "#"); ok {
			stage = r.named(location, readStages, id)
		}
		if bargains(stage) {
			first.earlier(sp.First)
		}
	}
	return first
}

// earlier takes the older of the two; zero is none.
func (s *stamp) earlier(o stamp) {
	if !o.isZero() {
		s.lower(o)
	}
}

func later(a, b stamp) stamp {
	if b.after(a) {
		return b
	}
	return a
}

// firstTouch is the oldest touch of the subjects that is somebody's deed.
func (r rows) firstTouch(subjects []string) (first stamp) {
	for _, subject := range subjects {
		for _, v := range r.under("touches", []byte(subject)) {
			var t touchRow
			if Decode("touches", v, &t) == nil && t.engages() {
				first.earlier(t.S)
				break // they come in the order of time
			}
		}
	}
	return first
}

// counted of a forgotten contact: each deal is told by its creation, and ended
// as many times as there were deals.
func (v envelope) counted() ([]byte, tally) {
	if v.First.IsZero() {
		return nil, nil
	}
	t := tally{"leads": 1}
	t.bump("now/"+string(StatusDeleted), 1)
	deals := max(v.Created, min(1, v.Won+v.Lost))
	won := min(v.Won, deals)
	lost := min(v.Lost, deals-won)
	for name, n := range map[string]int64{
		"reached/" + string(StatusNew): 1, "reached/" + string(StatusSold): min(1, won),
		"deals/open": deals - won - lost, "deals/won": won, "deals/lost": lost, "lost/" + LostOther: lost,
	} {
		t.bump(name, n)
	}
	for _, stage := range FunnelStages[1:4] {
		t.bump("reached/"+string(stage), min(1, won))
	}
	return cellKey(v.Location, "", v.First), t
}
