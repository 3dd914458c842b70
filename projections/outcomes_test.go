package projections_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// funnel says how a funnel stands in a line: reached and now by stage.
func funnel(p projections.FunnelPart) string {
	var b strings.Builder
	for _, s := range p.Stages {
		fmt.Fprintf(&b, "%s %d/%d ", s.Stage, s.Reached, s.Now)
	}
	fmt.Fprintf(&b, "lost %d deleted %d; deals %d/%d/%d", p.Lost, p.Deleted, p.Deals.Open, p.Deals.Won, p.Deals.Lost)
	return b.String()
}

func (w *world) funnel(f projections.FunnelFilter) projections.Funnel {
	w.Helper()
	w.lead()
	got, err := w.outcomes.Funnel(f)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func (w *world) outcomesOf(f projections.OutcomeFilter) []projections.Outcome {
	w.Helper()
	w.lead()
	list, _, err := w.outcomes.List(f)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

func TestOutcomeOfTheSeedsStory(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		w.say(2, "opportunity.created", `,"opportunity_id":"o1","name":"123 Main Street - Buyer","value":425000,"pipeline":"Real Estate Sales","status":"lead"`)
		won := w.say(30, "opportunity.won", `,"opportunity_id":"o1","property_address":"123 Main Street","final_price":430000,"close_date":"2026-02-15"`)
		lost := w.say(40, "opportunity.lost", `,"opportunity_id":"o2","reason":"Found different agent","closed_date":"2026-01-10"`)
		for i, want := range []string{
			fmt.Sprintf(`{"opportunity_id":"o2","contact_id":"c1","location_id":"loc","outcome":"lost","outcome_type":"churned","property_address":"","final_price":null,"value":0,"close_date":"2026-01-10","reason":"Found different agent","reason_category":"other_agent","pipeline":"","stage":"","source":"website","event_id":%q,"ended_at":"1999-12-31T10:40:00Z"}`, ledger.FormatID(lost.ID)),
			fmt.Sprintf(`{"opportunity_id":"o1","contact_id":"c1","location_id":"loc","outcome":"won","outcome_type":"property_purchased","property_address":"123 Main Street","final_price":430000,"value":430000,"close_date":"2026-02-15","reason":"","reason_category":"","pipeline":"Real Estate Sales","stage":"","source":"website","event_id":%q,"ended_at":"1999-12-31T10:30:00Z"}`, ledger.FormatID(won.ID)),
		} {
			got, err := json.Marshal(w.outcomesOf(projections.OutcomeFilter{})[i])
			if err != nil || string(got) != want {
				w.Errorf("outcome %d\n got %s, %v\nwant %s", i, got, err, want)
			}
		}
		f := w.funnel(projections.FunnelFilter{})
		if got, want := funnel(f.Total), "new 1/0 engaged 1/0 touring 1/0 negotiating 1/0 sold 1/1 lost 0 deleted 0; deals 0/1/1"; got != want {
			w.Errorf("funnel = %s\n want %s", got, want)
		}
		if d := f.Total.Deals; d.WonValue != 430000 || *d.WinRate != 50 || *d.AverageSeconds != 28*60 {
			w.Errorf("deals %+v", d)
		}
		if got, want := fmt.Sprint(f.Total.LostWhy), "[{other_agent 1 0}]"; got != want {
			w.Errorf("lost reasons = %s, want %s", got, want)
		}
	})
}

// A deal that is opened again has no outcome; what was said of an earlier end
// is not said of a later one.
func TestReopened(t *testing.T) {
	inWorld(t, func(w *world) {
		check := func(want string) {
			w.Helper()
			var got []string
			for _, o := range w.outcomesOf(projections.OutcomeFilter{}) {
				got = append(got, fmt.Sprint(o.Outcome, " ", o.CloseDate, " ", o.ReasonCategory))
			}
			got = append(got, funnel(w.funnel(projections.FunnelFilter{}).Total))
			if got := strings.Join(got, "; "); got != want {
				w.Errorf("got  %s\nwant %s", got, want)
			}
		}
		const deal = `,"opportunity_id":"o1"`
		w.say(1, "opportunity.lost", deal+`,"reason":"Price too high","closed_date":"2026-01-10"`)
		check("lost 2026-01-10 price; new 1/0 engaged 1/0 touring 0/0 negotiating 0/0 sold 0/0 lost 1 deleted 0; deals 0/0/1")
		w.say(2, "opportunity.updated", deal+`,"status":"open","value":5`)
		check("new 1/0 engaged 1/1 touring 0/0 negotiating 0/0 sold 0/0 lost 0 deleted 0; deals 1/0/0")
		w.say(3, "opportunity.won", deal)
		check("won 1999-12-31 ; new 1/0 engaged 1/0 touring 1/0 negotiating 1/0 sold 1/1 lost 0 deleted 0; deals 0/1/0")
		w.say(4, "opportunity.updated", deal+`,"status":"open"`)
		w.say(5, "opportunity.lost", deal)
		check("lost 1999-12-31 other; new 1/0 engaged 1/0 touring 0/0 negotiating 0/0 sold 0/0 lost 1 deleted 0; deals 0/0/1")
		w.say(6, "opportunity.deleted", deal)
		check("new 1/0 engaged 1/1 touring 0/0 negotiating 0/0 sold 0/0 lost 0 deleted 0; deals 0/0/0")
	})
}

// Names of stages and reasons that are read later count for what came before.
func TestOutcomesByID(t *testing.T) {
	inWorld(t, func(w *world) {
		add := func(body string) {
			w.add(ledger.Draft{Kind: "opportunity.updated", Subject: "c1", Body: []byte(body)})
		}
		add(flat(1, "OpportunityCreate", `,"id":"o1","contactId":"c1","monetaryValue":100,"status":"open","pipelineId":"p1","pipelineStageId":"s1"`))
		add(flat(2, "OpportunityStatusUpdate", `,"id":"o2","contactId":"c1","monetaryValue":7,"status":"abandoned","lostReasonId":"r1"`))
		f := w.funnel(projections.FunnelFilter{})
		if got, want := fmt.Sprint(f.Pipelines, f.Total.LostWhy, f.Total.Stages[3].Now), "[{p1 s1 1 100}] [{other 1 7}] 0"; got != want {
			w.Errorf("before the names are read: %s, want %s", got, want)
		}
		w.own("ghl.read", `{"what":"pipelines","location_id":"loc","items":[{"id":"p1","name":"Sales","stages":[{"id":"s1","name":"Offer made"}]}]}`)
		w.own("ghl.read", `{"what":"lost_reasons","location_id":"loc","items":[{"id":"r1","name":"Could not get a mortgage"}]}`)
		f = w.funnel(projections.FunnelFilter{})
		if got, want := fmt.Sprint(f.Pipelines, f.Total.LostWhy, f.Total.Stages[3].Now), "[{Sales Offer made 1 100}] [{financing 1 7}] 1"; got != want {
			w.Errorf("after: %s, want %s", got, want)
		}
		o := w.outcomesOf(projections.OutcomeFilter{Category: "financing"})
		if len(o) != 1 || o[0].Reason != "Could not get a mortgage" || o[0].CloseDate != "2026-01-10" {
			w.Errorf("outcomes = %+v", o)
		}
	})
}

func TestFunnelParts(t *testing.T) {
	inWorld(t, func(w *world) {
		say := func(contact, at, kind, data string) {
			body := fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"contact_id":%q%s}}`, kind, at, contact, data)
			w.add(ledger.Draft{Kind: kind, Subject: contact, Body: []byte(body)})
		}
		say("c1", "1999-11-01T10:00:00Z", "contact.created", `,"source":"Zillow"`)
		say("c2", "1999-11-03T10:00:00Z", "contact.created", `,"source":"website"`)
		say("c3", "1999-12-06T10:00:00Z", "contact.created", `,"source":"zillow "`)
		say("c3", "1999-12-06T12:00:00Z", "message.received", `,"content":"hi"`)
		say("c1", "1999-11-01T11:00:00Z", "message.received", `,"content":"hi"`)
		for _, tt := range []struct {
			filter projections.FunnelFilter
			want   string
		}{
			{projections.FunnelFilter{}, "3/2"},
			{projections.FunnelFilter{By: "source"}, "3/2, zillow 2/2, website 1/0"},
			{projections.FunnelFilter{By: "month"}, "3/2, 1999-11 2/1, 1999-12 1/1"},
			{projections.FunnelFilter{By: "week"}, "3/2, 1999-11-01 2/1, 1999-12-06 1/1"},
			{projections.FunnelFilter{By: "day", Source: "ZILLOW"}, "2/2, 1999-11-01 1/1, 1999-12-06 1/1"},
			{projections.FunnelFilter{Since: time.Date(1999, 11, 2, 23, 0, 0, 0, time.UTC), Until: time.Date(1999, 11, 3, 9, 0, 0, 0, time.UTC)}, "1/0"},
			{projections.FunnelFilter{Location: "elsewhere"}, "0/0"},
		} {
			f := w.funnel(tt.filter)
			got := []string{fmt.Sprintf("%d/%d", f.Total.Leads, f.Total.Stages[1].Reached)}
			for _, p := range f.Parts {
				got = append(got, fmt.Sprintf("%s %d/%d", p.Key, p.Leads, p.Stages[1].Reached))
			}
			if got := strings.Join(got, ", "); got != tt.want {
				w.Errorf("Funnel(%+v) = %s, want %s", tt.filter, got, tt.want)
			}
		}
		if s := w.funnel(projections.FunnelFilter{}).Total.Stages[1]; *s.AverageSeconds != 5400 || *s.Overall < 66 {
			w.Errorf("engaged = %+v", s)
		}
		if _, err := w.outcomes.Funnel(projections.FunnelFilter{By: "moon"}); err != projections.ErrPart {
			w.Errorf("by the moon: %v", err)
		}
	})
}

func TestOutcomesByPages(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		for i := range 7 {
			kind := []string{"opportunity.won", "opportunity.lost"}[i%2]
			w.say(10+i, kind, fmt.Sprintf(`,"opportunity_id":"o%d"`, i))
		}
		at := func(minute int) time.Time { return time.Date(1999, 12, 31, 10, minute, 0, 0, time.UTC) }
		w.lead()
		for _, tt := range []struct {
			filter projections.OutcomeFilter
			want   string
		}{
			{projections.OutcomeFilter{}, "o6 o5 o4 o3 o2 o1 o0"},
			{projections.OutcomeFilter{Outcome: "won"}, "o6 o4 o2 o0"},
			{projections.OutcomeFilter{Since: at(12), Until: at(14)}, "o4 o3 o2"},
			{projections.OutcomeFilter{Contact: "c2"}, ""},
		} {
			for limit := 1; limit < 9; limit += 3 {
				var got []string
				for f := tt.filter; ; {
					f.Limit = limit
					page, next, err := w.outcomes.List(f)
					if err != nil || len(page) > limit {
						w.Fatal(len(page), err)
					}
					for _, o := range page {
						got = append(got, o.OpportunityID)
					}
					if f.After = next; next == "" {
						break
					}
				}
				if got := strings.Join(got, " "); got != tt.want {
					w.Errorf("List(%+v) by %d = %s, want %s", tt.filter, limit, got, tt.want)
				}
			}
		}
		if _, _, err := w.outcomes.List(projections.OutcomeFilter{After: "eA"}); err != projections.ErrCursor {
			w.Errorf("a wrong cursor: %v", err)
		}
	})
}

func TestCampaigns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.say(1, "contact.created", created)
		w.say(2, "campaign.opened", `,"campaign_id":"spring"`)
		w.say(3, "campaign.opened", `,"campaign_id":"spring"`)
		w.say(4, "campaign.clicked", `,"campaign_id":"spring"`)
		w.add(ledger.Draft{Kind: "campaign.opened", Body: []byte(flat(5, "LCEmailStats", `,"webhookPayload":{"event":"opened","recipient":"somebody@else.com"}`))})
		w.add(ledger.Draft{Kind: "unknown.LCEmailStats", Body: []byte(flat(6, "LCEmailStats", `,"webhookPayload":{"event":"unsubscribed","recipient":"john@example.com"}`))})
		w.lead()
		check := func(want string) {
			w.Helper()
			w.lead()
			list, err := w.outcomes.Campaigns("loc")
			if got := fmt.Sprintf("%+v", list); err != nil || got != want {
				w.Errorf("campaigns = %s, %v\nwant %s", got, err, want)
			}
		}
		check("[{CampaignID:spring LocationID:loc Opens:2 Openers:1 Clicks:1 Clickers:1 Unsubscribes:0 Complaints:0 Failures:0}" +
			" {CampaignID: LocationID:loc Opens:1 Openers:1 Clicks:0 Clickers:0 Unsubscribes:1 Complaints:0 Failures:0}]")
		w.own(projections.KindForgotten, `{}`)
		check("[{CampaignID: LocationID:loc Opens:1 Openers:1 Clicks:0 Clickers:0 Unsubscribes:0 Complaints:0 Failures:0}]")
	})
}

// An e-mail event that names an address only is its bearer's deed, whichever
// of the two was heard of first.
func TestFunnelByAddress(t *testing.T) {
	for _, late := range []bool{false, true} {
		inWorld(t, func(w *world) {
			if late {
				w.say(1, "contact.created", created)
			}
			w.add(ledger.Draft{Kind: "campaign.opened", Body: []byte(flat(5, "LCEmailStats", `,"webhookPayload":{"event":"opened","recipient":"JOHN@example.com"}`))})
			if !late {
				w.say(1, "contact.created", created)
			}
			if got, want := funnel(w.funnel(projections.FunnelFilter{}).Total), "new 1/0 engaged 1/1 touring 0/0 negotiating 0/0 sold 0/0 lost 0 deleted 0; deals 0/0/0"; got != want {
				w.Errorf("contact known first %v: %s, want %s", late, got, want)
			}
		})
	}
}

func TestReasonCategory(t *testing.T) {
	for reason, want := range map[string]string{
		"Found different agent": "other_agent", "lost to a competitor": "other_agent", "bought_elsewhere": "other_agent",
		"Price too high": "price", "It was too expensive": "price", "got outbid": "price", "can't afford it": "price",
		"Loan was denied": "financing", "could not get pre-approved": "financing", "bad credit score": "financing",
		"Not ready to buy": "timing", "wants to wait until next year": "timing", "Timing": "timing",
		"Unresponsive": "unresponsive", "stopped answering": "unresponsive", "GHOSTED us": "unresponsive",
		"House failed inspection": "property", "too small": "property", "wrong neighborhood": "property",
		"": "other", "abandoned": "other", "feeling blue": "other",
	} {
		if got := projections.ReasonCategory(reason); got != want {
			t.Errorf("ReasonCategory(%q) = %s, want %s", reason, got, want)
		}
	}
}
