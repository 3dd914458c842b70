package scoring

import (
	"strings"
	"time"
)

// signal is one kind of evidence. Its sign is fixed here and not on a card, so
// that no card can turn a tour into a fault or an opt-out into a merit: +1
// adds, -1 takes away, 0 may do either and never depends on time or on what
// the promises speak of.
type signal struct {
	code string
	sign int
	find func(f *Facts, t *tally)
}

// signals is every signal there is. The order is the one in which equal
// reasons are given.
var signals = []signal{
	{"TOUR_BOOKED", +1, toursBooked},
	{"TOUR_DONE", +1, toursDone},
	{"FEEDBACK_GOOD", +1, feedback},
	{"WANTS_TOUR", +1, intents(TourRequest)},
	{"INTERESTED", +1, intents(Interested)},
	{"CONFIRMED", +1, intents(Confirm)},
	{"ASKED_FINANCING", +1, intents(FinancingQuestion)},
	{"ASKED_AVAILABILITY", +1, intents(AvailabilityQuestion)},
	{"ASKED_PRICE", +1, intents(PriceQuestion)},
	{"ASKED_PROPERTY", +1, intents(PropertyQuestion)},
	{"GAVE_TIMELINE", +1, intents(Timeline)},
	{"WANTS_TO_SELL", +1, intents(Seller)},
	{"WANTS_CALL", +1, intents(CallbackLater)},
	{"DEAL_OPEN", +1, dealsWith("open")},
	{"DEAL_IN_BUDGET", +1, dealInBudget},

	{"WROTE", +1, wrote},
	{"LINK_CLICKED", +1, func(f *Facts, t *tally) { t.touches(f.Clicks) }},
	{"EMAIL_OPENED", +1, func(f *Facts, t *tally) { t.touches(f.Opens) }},
	{"TONE_GOOD", +1, tone},
	{"QUIET", -1, quiet},

	{"TIMELINE", 0, timeline},
	{"SOURCE", 0, source},
	{"BUDGET_KNOWN", +1, budgetKnown},
	{"HAS_PHONE", +1, func(f *Facts, t *tally) { t.profile(f.HasPhone, f.CreatedBy) }},
	{"HAS_EMAIL", +1, func(f *Facts, t *tally) { t.profile(f.HasEmail, f.CreatedBy) }},
	{"PROPERTY_TYPE", +1, propertyType},
	{"LOCATIONS", +1, locations},
	{"WON_BEFORE", +1, dealsWith("won")},

	{"OPT_OUT", -1, func(f *Facts, t *tally) { t.profile(f.OptedOut, f.OptedOutBy) }},
	{"WRONG_NUMBER", -1, refusals(WrongNumber)},
	{"OTHER_AGENT", -1, refusals(OtherAgent)},
	{"NOT_INTERESTED", -1, refusals(NotInterested)},
	{"LOST_BEFORE", -1, dealsWith("lost")},
	{"MISSED_TOUR", -1, appointmentsThat("missed")},
	{"CANCELLED_TOUR", -1, appointmentsThat("cancelled")},
	{"FEEDBACK_BAD", -1, feedback},
	{"TONE_BAD", -1, tone},
	{"COMPLAINED", -1, refusals(Complaint)},
}

// tally sums one signal.
type tally struct {
	weight *weight
	sign   centi
	asOf   time.Time

	points centi
	n      int
	newest time.Time
	event  string // of the newest occurrence
	what   string // fills {what} of the text
}

// add counts an occurrence worth p when it was fresh.
func (t *tally) add(at time.Time, p centi, event string) {
	if p = decay(p, t.asOf.Sub(at), t.weight.half); p == 0 {
		return
	}
	t.points += p
	if t.n++; t.n == 1 || at.After(t.newest) {
		t.newest, t.event = at, event
	}
}

// profile counts what is known of the lead and has no time.
func (t *tally) profile(known bool, event string) {
	if known {
		t.add(time.Time{}, t.weight.points, event)
	}
}

func (t *tally) touches(touches []Touch) {
	for _, touch := range touches {
		t.add(touch.At, t.weight.points, touch.Event)
	}
}

// capped returns the sum within the signal's cap.
func (t *tally) capped() centi {
	most := t.weight.cap
	switch {
	case most > 0:
		return min(t.points, most)
	case most < 0:
		return max(t.points, most)
	case t.weight.points > 0:
		return min(t.points, t.weight.points)
	case t.weight.points < 0:
		return max(t.points, t.weight.points)
	}
	return t.points
}

func toursBooked(f *Facts, t *tally) {
	for i := range f.Appointments {
		a := &f.Appointments[i]
		if a.Status != "scheduled" {
			continue
		}
		t.add(a.when(), t.weight.points, a.Event)
		if t.event == a.Event {
			t.what = day(a.when())
		}
	}
}

func toursDone(f *Facts, t *tally) {
	for i := range f.Appointments {
		a := &f.Appointments[i]
		if a.Status != "completed" {
			continue
		}
		t.add(a.Ended, t.weight.points, a.Event)
		if t.event == a.Event {
			t.what = day(a.Ended)
		}
	}
}

func appointmentsThat(status string) func(*Facts, *tally) {
	return func(f *Facts, t *tally) {
		for i := range f.Appointments {
			if a := &f.Appointments[i]; a.Status == status {
				t.add(a.Ended, t.weight.points, a.Event)
			}
		}
	}
}

// feedback counts what was said after a tour, on the side that t asks for.
func feedback(f *Facts, t *tally) {
	for i := range f.Appointments {
		a := &f.Appointments[i]
		if size := hundredths(a.Sentiment) * t.sign; a.Status == "completed" && size > 0 {
			t.add(a.Ended, dampen(t.weight.points, min(size, 100)), a.Event)
		}
	}
}

func intents(intent string) func(*Facts, *tally) {
	return func(f *Facts, t *tally) {
		for i := range f.Messages {
			if m := &f.Messages[i]; m.speaks() && m.Intent == intent {
				t.add(m.At, t.weight.points, m.Event)
			}
		}
	}
}

// refusals counts a refusal until the lead turns back to us: asking for a tour
// or booking one takes back an earlier "not interested", time does not.
func refusals(intent string) func(*Facts, *tally) {
	return func(f *Facts, t *tally) {
		turned := f.turnedBack()
		for i := range f.Messages {
			if m := &f.Messages[i]; m.Inbound && m.Intent == intent && !m.At.Before(turned) {
				t.add(m.At, t.weight.points, m.Event)
			}
		}
	}
}

func wrote(f *Facts, t *tally) {
	for i := range f.Messages {
		if m := &f.Messages[i]; m.speaks() {
			t.add(m.At, t.weight.points, m.Event)
		}
	}
}

// tone counts how the last message sounded, on the side that t asks for. A
// refusal after a friendly word leaves nothing of it; after an unhappy one it
// takes nothing back, or it could raise a score.
func tone(f *Facts, t *tally) {
	m := f.lastSpoken()
	if m == nil || t.sign > 0 && m != f.lastInbound() {
		return
	}
	if size := hundredths(m.Sentiment) * t.sign; size > 0 {
		t.add(m.At, dampen(t.weight.points, min(size, 100)), m.Event)
	}
}

// quiet counts how long nothing came from the lead. A new lead has time to
// answer: it counts from when the lead was made.
func quiet(f *Facts, t *tally) {
	last, event := f.lastActivity()
	age := f.AsOf.Sub(last)
	t.add(last, t.weight.step(age.Hours()/24), event)
	t.what = "for " + days(age)
}

func timeline(f *Facts, t *tally) {
	if f.TimelineMonths == nil {
		return
	}
	t.add(time.Time{}, t.weight.step(*f.TimelineMonths), f.PreferencesBy)
	t.what = TimelineInWords(*f.TimelineMonths)
}

func source(f *Facts, t *tally) {
	name := strings.ToLower(strings.TrimSpace(f.Source))
	t.add(time.Time{}, t.weight.by[name], f.CreatedBy)
	t.what = strings.TrimSpace(f.Source)
}

func budgetKnown(f *Facts, t *tally) {
	t.profile(f.BudgetMax > 0 || f.BudgetMin > 0, f.PreferencesBy)
	t.what = BudgetInWords(f.BudgetMin, f.BudgetMax)
}

func propertyType(f *Facts, t *tally) {
	t.profile(f.PropertyType != "", f.PreferencesBy)
	t.what = brief(strings.ReplaceAll(f.PropertyType, "_", " "))
}

func locations(f *Facts, t *tally) {
	t.profile(len(f.Locations) > 0, f.PreferencesBy)
	t.what = brief(strings.Join(f.Locations[:min(len(f.Locations), 3)], ", "))
}

func dealsWith(status string) func(*Facts, *tally) {
	return func(f *Facts, t *tally) {
		for i := range f.Opportunities {
			if o := &f.Opportunities[i]; o.Status == status {
				t.add(o.At, t.weight.points, o.Event)
			}
		}
	}
}

func dealInBudget(f *Facts, t *tally) {
	for i := range f.Opportunities {
		o := &f.Opportunities[i]
		if o.Status == "open" && o.Value > 0 && f.BudgetMax > 0 && o.Value >= f.BudgetMin && o.Value <= f.BudgetMax {
			t.add(o.At, t.weight.points, o.Event)
		}
	}
}

// step returns the points of the first step that reaches x.
func (w *weight) step(x float64) centi {
	for _, s := range w.steps {
		if x <= s.to {
			return s.points
		}
	}
	return 0
}
