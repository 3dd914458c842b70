package projections

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// foldOwn folds an entry that the service wrote itself.
func (f *leadFold) foldOwn() error {
	switch f.e.Kind {
	case kindTicked:
		return f.foldTick()
	case kindRead:
		return f.foldNames(f.e, nil)
	}
	if f.e.Subject == "" || strings.HasPrefix(f.e.Kind, "planner.") {
		return nil
	}
	f.s = ownStamp(f.e)
	if err := f.open(f.e.Subject); err != nil {
		return err
	}
	if f.row.Forgotten && f.e.Kind != KindReadmitted { // see foldEvent
		return nil
	}
	text, err := f.foldAbout()
	if err != nil {
		return err
	}
	return f.close(text)
}

// foldAbout folds what is about one contact and says what happened.
func (f *leadFold) foldAbout() (text string, err error) {
	switch f.e.Kind {
	case kindScored:
		return f.foldScore()
	case kindRequested:
		return f.foldRequest()
	case kindDelivered:
		return f.foldReceipt()
	case KindOptOut:
		f.row.OptedOut.raise(f.s)
		return "Opted out by hand", nil
	case KindOptIn:
		f.row.OptedIn.raise(f.s)
		return "Opted in again by hand", nil
	case KindReadmitted:
		f.row.Forgotten = false
		return "May be stored again", nil
	}
	if f.e.Kind == kindFeedback {
		return f.foldFeedback()
	}
	return sentence(f.e.Kind), nil
}

// foldFeedback says what an agent thinks of a score; an outcome's own feedback
// is told by its event.
func (f *leadFold) foldFeedback() (string, error) {
	var said struct{ From, Thumb string }
	if err := json.Unmarshal(f.e.Body, &said); err != nil {
		return "", fmt.Errorf("%s: %w", kindFeedback, err)
	}
	switch said.Thumb {
	case "up":
		return "An agent finds the score right", nil
	case "down":
		return "An agent finds the score wrong", nil
	}
	return sentence(f.e.Kind), nil
}

// foldScore keeps the score that knew most of the lead: answers to late
// entries may be recorded after those to newer ones.
func (f *leadFold) foldScore() (string, error) {
	var score struct {
		AsOfSeq uint64 `json:"as_of_seq"`
		Score   float64
		Quality string
	}
	if err := json.Unmarshal(f.e.Body, &score); err != nil {
		return "", fmt.Errorf("lead.scored: %w", err)
	}
	if score.AsOfSeq >= f.row.ScoredAs {
		f.row.Score, f.row.ScoredAs = f.e.Body, score.AsOfSeq
	}
	return fmt.Sprintf("Scored %.2f (%s)", score.Score, score.Quality), nil
}

func (f *leadFold) foldRequest() (string, error) {
	var request struct {
		Kind   string
		Fields map[string]any
		Via    string
		DryRun bool `json:"dry_run"`
	}
	if err := json.Unmarshal(f.e.Body, &request); err != nil {
		return "", fmt.Errorf("effect.requested: %w", err)
	}
	if len(request.Fields) > 0 && !request.DryRun {
		if f.row.Asked == nil {
			f.row.Asked = map[string]any{}
		}
		maps.Copy(f.row.Asked, request.Fields)
	}
	text := "Asked GoHighLevel to " + asked(request.Kind, request.Via)
	if len(request.Fields) > 0 {
		text = "Asked GoHighLevel to set " + ourNames(request.Fields)
	}
	if request.DryRun {
		text += " (dry run: not sent)"
	}
	return text, nil
}

// asked says what an effect without fields is to do.
func asked(kind, via string) string {
	sequence, ok := strings.CutPrefix(kind, "sequence.")
	if !ok {
		return "make a task"
	}
	words := map[string]string{"email": "by e-mail", "sms": "by SMS", "reply": "as a reply"}[via]
	return "send the " + strings.ReplaceAll(sequence, "_", " ") + " message " + cmp.Or(words, "by a workflow")
}

// ourNames are the fields as people see them at GoHighLevel.
func ourNames(fields map[string]any) string {
	names := sortedKeys(fields)
	for i, key := range names {
		if at := slices.IndexFunc(ghl.OurFields, func(d ghl.Definition) bool { return d.Key == key }); at >= 0 {
			names[i] = ghl.OurFields[at].Name
		}
	}
	return strings.Join(names, ", ")
}

func (f *leadFold) foldReceipt() (string, error) {
	var receipt struct{ Fields map[string]any }
	if err := json.Unmarshal(f.e.Body, &receipt); err != nil {
		return "", fmt.Errorf("effect.delivered: %w", err)
	}
	for name, v := range receipt.Fields {
		put(&f.row.Written, name, v, f.s)
	}
	if len(receipt.Fields) > 0 {
		return "GoHighLevel has " + ourNames(receipt.Fields), nil
	}
	return "Delivered", nil
}

// foldTick moves the time that scores decay by.
func (f *leadFold) foldTick() error {
	at := f.e.Occurred
	if at.IsZero() {
		at = f.e.Recorded
	}
	var known int64
	if _, err := f.get("clock", []byte("tick"), &known); err != nil || at.UnixMicro() <= known {
		return err
	}
	return f.put("clock", []byte("tick"), at.UnixMicro())
}

// forget deletes what the view knows of a contact. What is left is what a
// rebuild has, to which the erased entries say nothing. What was said of an
// address that another contact has too stays: it is that contact's, and above
// all its word to stop.
func (f *leadFold) forget() error {
	contact := f.e.Subject
	row, _, err := f.lead(contact)
	if err != nil || contact == "" {
		return err
	}
	subjects := []string{contactSubject(contact)}
	for _, address := range row.Emails {
		if err := f.delete("addresses", key(row.Location.V, address, contact)); err != nil {
			return err
		}
		if !f.bearsAlso(row.Location.V, address, contact) {
			subjects = append(subjects, addressSubject(row.Location.V, address))
		}
	}
	for _, subject := range subjects {
		for _, bucket := range []string{"touches", "timeline"} {
			if err := f.clear(bucket, []byte(subject)); err != nil {
				return err
			}
		}
	}
	if err := f.unseeProperties(contact); err != nil {
		return err
	}
	for _, bucket := range []string{"messages", "message_ids", "preferences"} {
		if err := f.clear(bucket, []byte(contact)); err != nil {
			return err
		}
	}
	return f.putLead(contact, f.indexed(row), &leadRow{Forgotten: true, AsOf: f.e.ID})
}
