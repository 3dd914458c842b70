package scoring

import (
	"math"
	"slices"
	"strings"
	"time"
)

// FeatureSet names the features that models are trained on. A change of what
// one means is another set.
const FeatureSet = "fs-1"

// Feature is one number that a model may know of a lead: a pure function of
// Facts, so of the entries up to their AsOf.
type Feature struct {
	Name string
	Unit string
	Text string // what it says of a lead, to people

	// Sign is what keeps the promises of a score: where a tour, a missed tour,
	// an opt-out or time moves a feature, its weight in a model of winning has
	// this sign or is zero, and the opposite in a model of churn. 0 is either.
	Sign int

	// Unsigned features move with what is promised both ways. They are
	// exported, and no model may use them.
	Unsigned bool

	find func(f *Facts) (x float64, event string) // nil for the points, which are the card's
}

// Features is the set, in the order of every vector.
func Features() []Feature { return features }

// FeaturesOf returns the vector of f with the points of the built-in card.
func FeaturesOf(f Facts) []float64 { return DefaultCard().Vector(f) }

// Vector returns the features of f with the points of c: what a model knows
// that is made over c. All the other features are the same with every card.
func (c *Card) Vector(f Facts) []float64 {
	x := make([]float64, len(features))
	for i := range features {
		x[i], _ = c.feature(i, &f)
	}
	return x
}

// Vector returns the features of f as the model sees it.
func (m *Model) Vector(f Facts) []float64 { return m.card.Vector(f) }

// feature is one feature of f, and the entry that it comes from.
func (c *Card) feature(i int, f *Facts) (float64, string) {
	if features[i].find != nil {
		return features[i].find(f)
	}
	total, reasons := c.reasons(f)
	event := f.CreatedBy
	if len(reasons) > 0 && reasons[0].EventID != "" {
		event = reasons[0].EventID
	}
	return (total.float() - Base) / PointsPerDoubling, event
}

var features = []Feature{
	{Name: "age", Unit: "ln(1+days)", Text: "How long we have known the lead", Sign: -1, find: func(f *Facts) (float64, string) {
		return logDays(f.AsOf.Sub(f.Created)), f.CreatedBy
	}},
	profileFeature("has_email", "An e-mail address", func(f *Facts) float64 { return flag(f.HasEmail) }),
	profileFeature("has_phone", "A phone number", func(f *Facts) float64 { return flag(f.HasPhone) }),
	profileFeature("completeness", "How complete the profile is", func(f *Facts) float64 { return f.Completeness }),
	profileFeature("source_referral", "Referred to us", source1("referral", "past client", "repeat")),
	profileFeature("source_website", "Came through the website", source1("website", "google", "organic")),
	profileFeature("source_portal", "Came through a portal", source1("zillow", "realtor.com", "trulia", "redfin")),
	profileFeature("source_social", "Came through social media", source1("facebook", "instagram", "tiktok")),
	profileFeature("source_open_house", "Met at an open house or by a sign", source1("open house", "sign call", "sign")),
	profileFeature("source_cold", "Never asked for us", source1("cold call", "purchased list", "import")),
	preferenceFeature("budget_known", "A budget", func(f *Facts) float64 { return flag(f.BudgetMin > 0 || f.BudgetMax > 0) }),
	preferenceFeature("budget_low", "The lower end of the budget", func(f *Facts) float64 { return logMoney(f.BudgetMin) }),
	preferenceFeature("budget_high", "The upper end of the budget", func(f *Facts) float64 { return logMoney(f.BudgetMax) }),
	preferenceFeature("budget_width", "How wide the budget is", budgetWidth),
	preferenceFeature("timeline_known", "A date to move by", func(f *Facts) float64 { return flag(f.TimelineMonths != nil) }),
	preferenceFeature("timeline_months", "How soon the move is", func(f *Facts) float64 {
		if f.TimelineMonths == nil {
			return 0
		}
		return math.Log1p(min(*f.TimelineMonths, 60))
	}),
	preferenceFeature("type_house", "Looks for a house", type1("single_family")),
	preferenceFeature("type_shared", "Looks for a condo, townhouse or apartment", type1("condo", "townhouse", "apartment")),
	preferenceFeature("places", "Knows where", func(f *Facts) float64 { return flag(len(f.Locations) > 0) }),
	preferenceFeature("preference_changes", "Changed what is looked for", func(f *Facts) float64 { return math.Log1p(float64(f.PreferenceChanges)) }),

	{Name: "deals_open", Unit: "ln(1+n)", Text: "Open deals", find: deals("open")},
	{Name: "deals_won", Unit: "ln(1+n)", Text: "Deals closed with us before", find: deals("won")},
	{Name: "deals_lost", Unit: "ln(1+n)", Text: "Deals lost before", find: deals("lost")},
	{Name: "deal_in_budget", Text: "The deal is within the budget", find: tallied("DEAL_IN_BUDGET", 0)},

	{Name: "tours_upcoming", Unit: "n", Text: "Tours ahead", Sign: +1, find: toursUpcoming},
	{Name: "days_to_tour", Unit: "days", Text: "Days to the next tour", Unsigned: true, find: daysToTour},
	{Name: "tours_booked", Text: "Tours booked", Sign: +1, find: tallied("TOUR_BOOKED", 21)},
	{Name: "tours_done", Text: "Tours taken", Sign: +1, find: tallied("TOUR_DONE", 30)},
	{Name: "tours_missed", Unit: "n", Text: "Tours missed", Sign: -1, find: tallied("MISSED_TOUR", 0)},
	{Name: "tours_cancelled", Unit: "n", Text: "Tours cancelled", Sign: -1, find: tallied("CANCELLED_TOUR", 0)},
	{Name: "show_rate", Text: "How often the lead shows up", Sign: +1, find: showRate},
	{Name: "feedback_good", Text: "Liked a tour", Sign: +1, find: tallied("FEEDBACK_GOOD", 30)},
	{Name: "feedback_bad", Text: "Disliked a tour", Sign: -1, find: tallied("FEEDBACK_BAD", 0)},

	{Name: "messages_7d", Unit: "ln(1+n)", Text: "Messages within a week", Sign: +1, find: messagesIn(7*dayLong, true)},
	{Name: "messages_30d", Unit: "ln(1+n)", Text: "Messages within a month", Sign: +1, find: messagesIn(30*dayLong, true)},
	{Name: "answers_7d", Unit: "ln(1+n)", Text: "Our messages within a week", Sign: +1, find: messagesIn(7*dayLong, false)},
	{Name: "silence", Unit: "ln(1+days)", Text: "How long nothing was heard", Sign: -1, find: func(f *Facts) (float64, string) {
		last, event := f.lastActivity()
		return logDays(f.AsOf.Sub(last)), event
	}},
	{Name: "reply_hours", Unit: "ln(1+hours)", Text: "How fast we answer", find: replyHours},
	{Name: "channel_sms", Text: "Writes by SMS", find: channel("sms")},
	{Name: "channel_email", Text: "Writes by e-mail", find: channel("email")},
	{Name: "tone_good", Text: "Sounded positive in the last message", Sign: +1, find: tallied("TONE_GOOD", 14)},
	{Name: "tone_bad", Text: "Sounded unhappy in the last message", Sign: -1, find: tallied("TONE_BAD", 0)},
	{Name: "asked_tour", Text: "Asked for a tour", Sign: +1, find: tallied("WANTS_TOUR", 14)},
	{Name: "interested", Text: "Said to be interested", Sign: +1, find: tallied("INTERESTED", 14)},
	{Name: "asked_financing", Text: "Asked about financing", Sign: +1, find: tallied("ASKED_FINANCING", 14)},
	{Name: "asked_price", Text: "Asked about the price", Sign: +1, find: tallied("ASKED_PRICE", 14)},
	{Name: "asked_property", Text: "Asked about a property", Sign: +1, find: tallied("ASKED_PROPERTY", 14)},
	{Name: "complaints", Unit: "n", Text: "Complained", Sign: -1, find: tallied("COMPLAINED", 0)},
	{Name: "refusals", Unit: "n", Text: "Turned us away", Sign: -1, find: refused},
	{Name: "opted_out", Text: "Asked for no more messages", Sign: -1, find: func(f *Facts) (float64, string) { return flag(f.OptedOut), f.OptedOutBy }},

	{Name: "opens", Text: "Opened e-mails", Sign: +1, find: tallied("EMAIL_OPENED", 7)},
	{Name: "clicks", Text: "Clicked links", Sign: +1, find: tallied("LINK_CLICKED", 14)},
	{Name: "points", Unit: "doublings of the odds", Text: "All that the points card in force counts", Sign: +1},
}

// PointsPerDoubling is how many points double the odds.
const PointsPerDoubling = 15.0

// mostCounted bounds what one signal can count for: an open that a mail
// scanner makes a hundred times is no sign of more interest.
const mostCounted = 5

// tallied counts a signal of the card with one point each, fading by half in
// so many days.
func tallied(code string, halfDays int) func(*Facts) (float64, string) {
	i := slices.IndexFunc(signals, func(s signal) bool { return s.code == code })
	s := signals[i]
	w := weight{points: 100, half: time.Duration(halfDays) * dayLong}
	return func(f *Facts) (float64, string) {
		t := tally{weight: &w, sign: centi(s.sign), asOf: f.AsOf}
		s.find(f, &t)
		return min(t.points.float(), mostCounted), t.event
	}
}

func profileFeature(name, text string, of func(*Facts) float64) Feature {
	return Feature{Name: name, Text: text, find: func(f *Facts) (float64, string) { return of(f), f.CreatedBy }}
}

func preferenceFeature(name, text string, of func(*Facts) float64) Feature {
	return Feature{Name: name, Text: text, find: func(f *Facts) (float64, string) { return of(f), f.PreferencesBy }}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func logDays(d time.Duration) float64 { return math.Log1p(min(max(d.Hours()/24, 0), 3650)) }

func logMoney(x float64) float64 { return math.Log1p(min(max(x, 0), 1e9) / 100_000) }

func budgetWidth(f *Facts) float64 {
	if f.BudgetMin <= 0 || f.BudgetMax <= f.BudgetMin {
		return 0
	}
	return (f.BudgetMax - f.BudgetMin) / f.BudgetMax
}

func source1(names ...string) func(*Facts) float64 {
	return func(f *Facts) float64 {
		return flag(slices.Contains(names, strings.ToLower(strings.TrimSpace(f.Source))))
	}
}

func type1(codes ...string) func(*Facts) float64 {
	return func(f *Facts) float64 { return flag(slices.Contains(codes, f.PropertyType)) }
}

func deals(status string) func(*Facts) (float64, string) {
	return func(f *Facts) (float64, string) {
		n, event := 0.0, ""
		for i := range f.Opportunities {
			if o := &f.Opportunities[i]; o.Status == status {
				n, event = n+1, o.Event
			}
		}
		return math.Log1p(n), event
	}
}

func toursUpcoming(f *Facts) (float64, string) {
	n := 0.0
	for i := range f.Appointments {
		if a := &f.Appointments[i]; a.Status == "scheduled" && (a.Start.IsZero() || !a.Start.Before(f.AsOf)) {
			n++
		}
	}
	if n == 0 {
		return 0, ""
	}
	return min(n, mostCounted), f.tourAhead().Event
}

func daysToTour(f *Facts) (float64, string) {
	a := f.tourAhead()
	if a == nil || a.Start.IsZero() {
		return 0, ""
	}
	return a.Start.Sub(f.AsOf).Hours() / 24, a.Event
}

// showRate is how many tours took place of those that could, as if one had
// and one had not before.
func showRate(f *Facts) (float64, string) {
	done, missed := float64(f.count("completed")), float64(f.count("missed"))
	event := ""
	for _, status := range [...]string{"completed", "missed"} {
		if a := f.newestWith(status); a != nil {
			event = a.Event
		}
	}
	return (done + 1) / (done + missed + 2), event
}

func messagesIn(within time.Duration, inbound bool) func(*Facts) (float64, string) {
	return func(f *Facts) (float64, string) {
		n, event := 0.0, ""
		for i := range f.Messages {
			m := &f.Messages[i]
			if m.Inbound == inbound && (!inbound || m.speaks()) && f.AsOf.Sub(m.At) <= within {
				n, event = n+1, m.Event
			}
		}
		return math.Log1p(n), event
	}
}

// replyHours is the median time in which we answered a message.
func replyHours(f *Facts) (float64, string) {
	var hours []float64
	var waiting *Message
	event := ""
	for i := range f.Messages {
		m := &f.Messages[i]
		switch {
		case m.Inbound && !m.Machine && waiting == nil:
			waiting = m
		case !m.Inbound && waiting != nil:
			hours, event = append(hours, max(m.At.Sub(waiting.At).Hours(), 0)), m.Event
			waiting = nil
		}
	}
	if len(hours) == 0 {
		return 0, ""
	}
	slices.Sort(hours)
	return math.Log1p(min(hours[len(hours)/2], 1000)), event
}

func channel(name string) func(*Facts) (float64, string) {
	return func(f *Facts) (float64, string) {
		m := f.lastInbound()
		if m == nil {
			return 0, ""
		}
		return flag(strings.EqualFold(m.Channel, name)), m.Event
	}
}

// refused counts refusals that stand.
func refused(f *Facts) (float64, string) {
	n, event := 0.0, ""
	turned := f.turnedBack()
	for i := range f.Messages {
		if m := &f.Messages[i]; m.Inbound && refuses(m.Intent) && !m.At.Before(turned) {
			n, event = n+1, m.Event
		}
	}
	return min(n, mostCounted), event
}
