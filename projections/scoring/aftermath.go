package scoring

// afterwardsRules propose what to do with a lead whose deals are closed: what
// it did since still wants an answer.
var afterwardsRules = []func(*plan){
	(*plan).changeTour, (*plan).prepareForTour, (*plan).answer, (*plan).followUpAfterTour, (*plan).tourAsked,
}

// afterwards is for a lead whose deals are closed. A tour or a message from
// before the end calls for nothing any more: nobody follows up the tour of a
// house that the lead has bought.
func (p *plan) afterwards(end *Opportunity) {
	since := p.facts.since(end)
	all := p.facts
	p.facts = &since
	for _, rule := range afterwardsRules {
		rule(p)
	}
	p.facts = all
	if end.Status == "won" {
		p.add(Nurture, "Ask for a review", end.At.Add(7*dayLong), "Closed a deal on "+day(end.At))
		return
	}
	p.add(ReEngage, "Ask again in a month", end.At.Add(30*dayLong), "The deal was lost on "+day(end.At))
}

// since is what the lead did after its last deal was closed.
func (f *Facts) since(end *Opportunity) Facts {
	s := *f
	s.Opportunities, s.Messages, s.Appointments = nil, nil, nil
	for _, m := range f.Messages {
		if m.At.After(end.At) {
			s.Messages = append(s.Messages, m)
		}
	}
	for _, a := range f.Appointments {
		if a.Booked.After(end.At) {
			s.Appointments = append(s.Appointments, a)
		}
	}
	return s
}
