package outbox

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// RulesConfig is what an operator may choose of the rules.
type RulesConfig struct {
	Sequences   map[string]string         // off, email, sms, reply or workflow:<id>, by sequence; defaults where missing
	HotLeadTask bool                      // a task for the assigned user when a lead turns hot
	ReadText    func(string) scoring.Text // tells a machine's message from a person's; nil takes all for people's
}

// Rules returns what follows from the events (CONTRACT section 6).
func Rules(c RulesConfig) []Rule {
	rules := []Rule{
		{Name: "fields", Decide: decideFields},
		{Name: "sequence", Decide: func(k Case) []Request { return decideSequence(c, k) }},
	}
	if c.HotLeadTask {
		rules = append(rules, Rule{Name: "hot_lead_task", Decide: decideTask})
	}
	return rules
}

// answer is what follows from one type of event.
type answer struct {
	fields   func(Case) ghl.Patch
	moved    bool // fields only where the score moved
	sequence string
}

// answers is the table of CONTRACT section 6. E-mail events of other types
// than these two write the scores when they are an opt-out.
var answers = map[ghl.Type]answer{
	ghl.ContactCreated:       {fields: firstScore, sequence: Welcome},
	ghl.ContactUpdated:       {fields: scores},
	ghl.OpportunityCreated:   {fields: scores},
	ghl.OpportunityUpdated:   {fields: scores},
	ghl.OpportunityDeleted:   {fields: scores},
	ghl.OpportunityWon:       {fields: wonFields, sequence: Congratulations},
	ghl.OpportunityLost:      {fields: lostFields, sequence: ReEngagement},
	ghl.AppointmentScheduled: {fields: scores, sequence: TourConfirmation},
	ghl.AppointmentCompleted: {fields: scores, sequence: FollowUp},
	ghl.AppointmentMissed:    {fields: scores, sequence: MissedTour},
	ghl.AppointmentCancelled: {fields: scores},
	ghl.MessageReceived:      {fields: scores, sequence: AutoResponse},
	ghl.MessageSent:          {fields: scores, moved: true},
	ghl.CampaignOpened:       {fields: scores, moved: true},
	ghl.CampaignClicked:      {fields: scores, moved: true},
	ClockTicked:              {fields: scores},
}

func answerTo(ev ghl.Event) answer {
	if ev.Campaign != nil && ev.Campaign.Action.OptsOut() {
		return answer{fields: scores}
	}
	return answers[ev.Type]
}

func decideFields(c Case) []Request {
	a := answerTo(c.Event)
	if a.fields == nil || a.moved && !c.moved() {
		return nil
	}
	return []Request{{
		Kind: UpdateContact, Fields: a.fields(c),
		Business: "update:" + ledger.FormatID(c.Entry.ID) + ":" + c.Lead.ContactID,
	}}
}

// firstScore is what a new contact is told.
func firstScore(c Case) ghl.Patch {
	s := c.Lead.Score
	return action(ghl.FieldAction, *s, ghl.Patch{
		ghl.FieldScore: round2(s.Value), ghl.FieldConfidence: round2(s.Confidence), ghl.FieldQuality: s.Quality,
	})
}

// scores is what every later event tells.
func scores(c Case) ghl.Patch {
	s := c.Lead.Score
	return action(ghl.FieldNextAction, *s, ghl.Patch{
		ghl.FieldScore: round2(s.Value), ghl.FieldUpdatedScore: round2(s.Value), ghl.FieldChurn: round2(s.ChurnRisk),
	})
}

func action(field string, s scoring.Score, p ghl.Patch) ghl.Patch {
	if text := firstAction(s).Action; text != "" {
		p[field] = text
	}
	return p
}

func wonFields(c Case) ghl.Patch {
	p, o := scores(c), c.opportunity()
	p[ghl.FieldStatus] = "sold"
	if price := firstOf(c.Event.Opportunity.Value, o.FinalPrice, o.Value); price != 0 {
		p[ghl.FieldSalePrice] = price
	}
	p[ghl.FieldCloseDate] = eventTime(c.Entry, c.Event).Format(time.DateOnly)
	if date := c.Event.Opportunity.CloseDate; date != nil && *date != "" {
		p[ghl.FieldCloseDate] = *date
	}
	return p
}

func firstOf(said *float64, known ...float64) float64 {
	if said != nil {
		return *said
	}
	for _, k := range known {
		if k != 0 {
			return k
		}
	}
	return 0
}

func lostFields(c Case) ghl.Patch {
	p := scores(c)
	p[ghl.FieldStatus] = "lost"
	return p
}

// decideSequence asks for the message that follows from an event, if the
// contact may and can be written to and the event is not too old already.
func decideSequence(config RulesConfig, c Case) []Request {
	name := answerTo(c.Event).sequence
	via := config.via(name)
	if name == "" || via == viaOff || c.silent() || c.unreachable(via) {
		return nil
	}
	if name == AutoResponse && !answerable(config, c) {
		return nil
	}
	r := Request{Kind: sequenceKind + name, Rule: name, Sequence: name, Via: via, Data: matter(c)}
	r.Business = r.Kind + ":" + business(name, c)
	r.NotAfter = notAfter(name, c)
	if !r.NotAfter.After(c.Entry.Recorded) {
		return nil
	}
	return []Request{r}
}

// business names what a sequence is about, so that it goes once however many
// deliveries tell of it.
func business(name string, c Case) string {
	switch name {
	case Welcome:
		return c.Lead.ContactID
	case Congratulations, ReEngagement:
		return named(c, c.opportunity().ID, c.Change)
	case TourConfirmation, MissedTour:
		return named(c, c.appointment().ID, startOf(c))
	case FollowUp:
		return cmp.Or(c.appointment().ID, named(c, "", ""))
	}
	if c.Event.Message != nil && c.Event.Message.ID != "" {
		return c.Event.Message.ID
	}
	return ledger.FormatID(c.Entry.ID)
}

// named is a thing's id, and what of it. One without an id, as a sender may
// leave it out, is its contact's, by what or else by its time: if all of them
// were one, only the first contact would ever be written to.
func named(c Case, id, what string) string {
	if id == "" {
		id = "of:" + c.Lead.ContactID
		what = cmp.Or(what, eventTime(c.Entry, c.Event).UTC().Format(time.RFC3339Nano))
	}
	return id + ":" + what
}

func startOf(c Case) string {
	start := appointmentStart(c)
	if start.IsZero() {
		return ""
	}
	return start.UTC().Format(time.RFC3339)
}

// appointmentStart is as the event says it, or else as the lead has it.
func appointmentStart(c Case) time.Time {
	if a := c.Event.Appointment; a != nil && a.Start != nil {
		return *a.Start
	}
	if start := c.appointment().Start; start != nil {
		return *start
	}
	return time.Time{}
}

// notAfter is when a message has become worthless: a day after its event, or
// when the tour that it confirms begins.
func notAfter(name string, c Case) time.Time {
	if start := appointmentStart(c); name == TourConfirmation && !start.IsZero() {
		return start
	}
	return eventTime(c.Entry, c.Event).Add(maxAge)
}

// maxAge is how old an event may be when its message goes.
const maxAge = 24 * time.Hour

// answerEvery is how seldom a contact is answered automatically.
const answerEvery = 24 * time.Hour

// answerable reports whether a message is one that an automatic answer helps:
// a person wrote it, on a channel that can be answered, and had none today.
func answerable(config RulesConfig, c Case) bool {
	m := c.Event.Message
	if m == nil || messageTypes[m.Channel] == "" || c.Entry.Recorded.Sub(c.Answered) < answerEvery {
		return false
	}
	if config.ReadText == nil {
		return true
	}
	text := config.ReadText(m.Content)
	return !text.Machine && text.Intent != "opt_out" && text.Intent != "wrong_number"
}

// matter is what a sequence's template may name of the event.
func matter(c Case) *Matter {
	m := &Matter{Start: appointmentStart(c), AppointmentID: c.appointment().ID, OpportunityID: c.opportunity().ID}
	m.Property = c.appointment().PropertyAddress
	if m.Property == "" {
		m.Property = c.opportunity().PropertyAddress
	}
	if msg := c.Event.Message; msg != nil {
		m.Channel, m.Subject = msg.Channel, msg.Subject
	}
	return m
}

// decideTask asks for a task for the assigned user when an event turns the lead
// hot. A new model that finds a thousand leads hot gives nobody a thousand tasks.
func decideTask(c Case) []Request {
	if c.silent() || !c.turnedHot() || c.Event.Type == ClockTicked {
		return nil
	}
	s, first := c.Lead.Score, firstAction(*c.Lead.Score)
	var why []string
	for _, r := range s.Reasons {
		why = append(why, r.Text)
	}
	task := &ghl.Task{
		Title: fmt.Sprintf("Hot lead: %s (score %.2f)", nameOf(c.Lead), s.Value), Body: strings.Join(why, "\n"),
		DueDate: first.Due, AssignedTo: c.Lead.AssignedTo,
	}
	if first.Action != "" {
		task.Title += ": " + first.Action
	}
	at := eventTime(c.Entry, c.Event)
	if task.DueDate.IsZero() {
		task.DueDate = at.Add(time.Hour)
	}
	return []Request{{
		Kind: CreateTask, Task: task, NotAfter: at.Add(maxAge),
		Business: "task.hot:" + ledger.FormatID(c.Entry.ID) + ":" + c.Lead.ContactID,
	}}
}
