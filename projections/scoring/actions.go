package scoring

import (
	"strings"
	"time"
)

// The codes of recommended actions.
const (
	DoNotContact         = "do_not_contact"
	PrepareForTour       = "prepare_for_tour"
	ConfirmTour          = "confirm_tour"
	FollowUpAfterTour    = "follow_up_after_tour"
	ScheduleTour         = "schedule_tour"
	CallNow              = "call_now"
	AskFinancing         = "ask_financing"
	SendMatchingListings = "send_matching_listings"
	ReEngage             = "re_engage"
	Nurture              = "nurture"
)

const dayLong = 24 * time.Hour

// plan gathers actions, most urgent first.
type plan struct {
	facts   *Facts
	score   *Score
	actions []Action
}

// rules propose actions, most urgent first. Each looks at the facts alone and
// says what it follows from.
var rules = []func(*plan){
	(*plan).changeTour, (*plan).prepareForTour, (*plan).answer, (*plan).followUpAfterTour,
	(*plan).scheduleTour, (*plan).call, (*plan).reEngage, (*plan).askFinancing, (*plan).sendListings,
}

// actions says what to do next: at least one thing, each once. For a lead that
// asked to be left alone it is that alone.
func actions(f *Facts, s Score) []Action {
	p := &plan{facts: f, score: &s}
	switch {
	case f.OptedOut:
		p.add(DoNotContact, "Do not contact", f.AsOf, "Asked for no more messages")
		return p.actions
	case f.Deleted:
		p.add(DoNotContact, "Do not contact", f.AsOf, "The contact was deleted")
		return p.actions
	}
	if end := f.outcome(); end != nil {
		p.afterwards(end)
		return p.actions
	}
	for _, rule := range rules {
		rule(p)
	}
	if len(p.actions) == 0 {
		p.keepInTouch()
	}
	return p.actions
}

// keepInTouch is for a lead with which nothing else is to be done.
func (p *plan) keepInTouch() {
	because := "Nothing calls for more at the moment"
	if p.turnedAway() {
		because = "Turned us away in the last message"
	}
	p.add(Nurture, "Keep in touch", p.facts.AsOf.Add(7*dayLong), because)
}

// add proposes an action, unless a more urgent rule did.
func (p *plan) add(code, text string, due time.Time, because ...string) {
	for _, a := range p.actions {
		if a.Code == code {
			return
		}
	}
	p.actions = append(p.actions, Action{
		Action: text, Code: code, Priority: len(p.actions) + 1, Due: due.UTC(), Because: because,
	})
}

// changeTour answers a lead that wants another time, before anything else is
// prepared for the old one.
func (p *plan) changeTour() {
	m := p.facts.asked(7*dayLong, Reschedule, Cancel)
	if m == nil || m.At.Before(p.facts.turnedBack()) {
		return
	}
	if m.Intent == Cancel {
		p.add(ScheduleTour, "Offer another time", m.At.Add(4*time.Hour), "Wants to cancel")
		return
	}
	p.add(ScheduleTour, "Find a new time", m.At.Add(2*time.Hour), "Asked for another time")
}

func (p *plan) prepareForTour() {
	tour := p.facts.tourAhead()
	if tour == nil {
		return
	}
	because := "A tour is booked for " + day(tour.when())
	if tour.Start.IsZero() {
		p.add(PrepareForTour, "Prepare for tour", p.facts.AsOf.Add(dayLong), "A tour is booked")
		return
	}
	p.add(PrepareForTour, "Prepare for tour", later(p.facts.AsOf, tour.Start.Add(-dayLong)), because)
	if tour.Start.Sub(p.facts.AsOf) <= 2*dayLong && !p.confirmed(tour) {
		p.add(ConfirmTour, "Confirm the tour", later(p.facts.AsOf, tour.Start.Add(-4*time.Hour)), because, "It was not confirmed yet")
	}
}

func (p *plan) confirmed(tour *Appointment) bool {
	m := p.facts.asked(14*dayLong, Confirm)
	return m != nil && m.At.After(tour.Booked)
}

// answer is for messages that a person has to answer.
func (p *plan) answer() {
	m := p.facts.lastInbound()
	if m == nil || p.facts.AsOf.Sub(m.At) > 7*dayLong {
		return
	}
	switch m.Intent {
	case WrongNumber:
		p.add(ReEngage, "Find the right phone number", m.At.Add(dayLong), "Says that this is the wrong number")
	case Complaint:
		p.add(CallNow, p.reach("Call and put it right"), m.At.Add(time.Hour), "Complained")
	case CallbackLater:
		p.add(CallNow, p.reach("Call back"), m.At.Add(dayLong), "Asked to be called later")
	}
}

func (p *plan) followUpAfterTour() {
	tour := p.facts.newestWith("completed")
	if tour == nil || p.facts.AsOf.Sub(tour.Ended) > 7*dayLong {
		return
	}
	because := []string{"Toured a property on " + day(tour.Ended)}
	switch {
	case tour.Sentiment >= 0.3:
		because = append(because, "Liked the tour")
	case tour.Sentiment <= -0.3:
		because = append(because, "Did not like the tour")
	}
	p.add(FollowUpAfterTour, "Follow up after the tour", tour.Ended.Add(dayLong), because...)
}

func (p *plan) scheduleTour() {
	f := p.facts
	if f.tourAhead() != nil || p.turnedAway() {
		return
	}
	missed := f.newestWith("missed")
	switch {
	case f.asked(14*dayLong, TourRequest) != nil:
		p.tourAsked()
	case missed != nil && f.AsOf.Sub(missed.Ended) <= 14*dayLong:
		p.add(ScheduleTour, "Offer a new time for the tour", missed.Ended.Add(dayLong), "Did not show up for a tour")
	case p.score.Quality == Hot:
		p.add(ScheduleTour, "Schedule a tour", f.AsOf.Add(dayLong), "A hot lead without a tour ahead")
	}
}

// tourAsked is for a lead that asked for a tour and has none ahead.
func (p *plan) tourAsked() {
	m := p.facts.asked(14*dayLong, TourRequest)
	if m != nil && p.facts.tourAhead() == nil && !p.turnedAway() {
		p.add(ScheduleTour, "Schedule a tour", m.At.Add(4*time.Hour), "Asked for a tour")
	}
}

// call is for leads that an hour may lose: hot ones who just wrote, and new ones.
func (p *plan) call() {
	f := p.facts
	if p.turnedAway() || p.score.Quality == Cold {
		return
	}
	m := f.lastSpoken()
	switch {
	case m != nil && f.AsOf.Sub(m.At) <= dayLong && p.score.Quality == Hot:
		p.add(CallNow, p.reach("Call now"), m.At.Add(time.Hour), "A hot lead who wrote "+ago(f.AsOf.Sub(m.At)))
	case f.AsOf.Sub(f.Created) <= dayLong && f.HasPhone && f.tourAhead() == nil:
		p.add(CallNow, "Call now", f.Created.Add(time.Hour), "A new lead: the first hour counts")
	}
}

// reach words a call for a lead whose number is not known.
func (p *plan) reach(text string) string {
	if p.facts.HasPhone {
		return text
	}
	return strings.Replace(text, "Call", "Write", 1)
}

func (p *plan) reEngage() {
	f := p.facts
	last, _ := f.lastActivity()
	if silent := f.AsOf.Sub(last); silent >= 30*dayLong && !p.turnedAway() {
		p.add(ReEngage, "Revive the contact", last.Add(31*dayLong), "Nothing heard for "+days(silent))
	}
}

func (p *plan) askFinancing() {
	f := p.facts
	if p.turnedAway() || p.score.Quality == Cold {
		return
	}
	if m := f.asked(30*dayLong, FinancingQuestion); m != nil {
		p.add(AskFinancing, "Talk about financing", m.At.Add(dayLong), "Asked about financing")
	} else if f.BudgetMin == 0 && f.BudgetMax == 0 {
		p.add(AskFinancing, "Ask about budget and financing", f.AsOf.Add(2*dayLong), "The budget is not known")
	}
}

func (p *plan) sendListings() {
	f := p.facts
	if p.turnedAway() || f.BudgetMin == 0 && f.BudgetMax == 0 && f.PropertyType == "" && len(f.Locations) == 0 {
		return
	}
	var because []string
	if f.BudgetMin > 0 || f.BudgetMax > 0 {
		because = append(because, "Named a budget: "+BudgetInWords(f.BudgetMin, f.BudgetMax))
	}
	if f.PropertyType != "" {
		because = append(because, "Looks for: "+brief(strings.ReplaceAll(f.PropertyType, "_", " ")))
	}
	if len(f.Locations) > 0 {
		because = append(because, "Looks in: "+brief(strings.Join(f.Locations, ", ")))
	}
	p.add(SendMatchingListings, "Send matching listings", f.AsOf.Add(2*dayLong), because...)
}

// turnedAway reports whether the last word of the lead was a refusal.
func (p *plan) turnedAway() bool { return p.facts.refusal() != nil }

// later returns the later time: what is due is never due before it was known.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
