package projections

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// foldOwn folds an entry that the service wrote itself.
func (f *leadFold) foldOwn() error {
	switch f.e.Kind {
	case kindTicked:
		return f.foldTick()
	case kindRead:
		return f.foldRead()
	}
	if f.e.Subject == "" || strings.HasPrefix(f.e.Kind, "planner.") {
		return nil
	}
	f.s = ownStamp(f.e)
	if err := f.open(f.e.Subject); err != nil {
		return err
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
		f.row.First.lower(f.s)
		return "Opted out by hand", nil
	case KindOptIn:
		f.row.OptedIn.raise(f.s)
		f.row.First.lower(f.s)
		return "Opted in again by hand", nil
	case KindReadmitted:
		f.row.Forgotten = false
		return "May be stored again", nil
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
	if len(request.Fields) > 0 {
		return "Asked GoHighLevel to set " + strings.Join(sortedKeys(request.Fields), ", "), nil
	}
	return strings.TrimSpace("Asked for " + request.Kind + " " + request.Via), nil
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
		return "GoHighLevel has " + strings.Join(sortedKeys(receipt.Fields), ", "), nil
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

// foldRead keeps the names of what events call by id.
func (f *leadFold) foldRead() error {
	var read struct {
		What     string
		Location string `json:"location_id"`
		Items    []struct {
			ghl.Definition
			Stages []struct{ ID, Name string }
		}
	}
	if err := json.Unmarshal(f.e.Body, &read); err != nil {
		return fmt.Errorf("ghl.read: %w", err)
	}
	if read.Location == "" {
		read.Location = f.e.Location
	}
	for _, item := range read.Items {
		if err := f.putName(read.Location, read.What, item.ID, fieldKeyOr(item.Definition)); err != nil {
			return err
		}
		if read.What == readFields {
			if err := f.putName(read.Location, readFieldNames, strings.ToLower(item.Name), fieldKeyOr(item.Definition)); err != nil {
				return err
			}
		}
		for _, stage := range item.Stages {
			if err := f.putName(read.Location, readStages, stage.ID, stage.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// What a ghl.read entry may be about, as parts of keys in names.
const (
	readFields      = "custom_fields"
	readFieldNames  = "custom_field_names" // key by display name
	readPipelines   = "pipelines"
	readStages      = "stages"
	readLostReasons = "lost_reasons"
	readCalendars   = "calendars"
)

// fieldKeyOr is a field's key without its model (contact.budget is budget), or
// the name of what has no key.
func fieldKeyOr(d ghl.Definition) string {
	if _, name, ok := strings.Cut(d.Key, "."); ok && name != "" {
		return name
	}
	if d.Key != "" {
		return d.Key
	}
	return d.Name
}

func (f *leadFold) putName(location, what, id, name string) error {
	if id == "" || name == "" {
		return nil
	}
	return f.putRaw("names", key(location, what, id), []byte(name))
}

// named returns the name of the thing with that id, or "".
func (r rows) named(location, what, id string) string {
	return string(r.raw("names", key(location, what, id)))
}

// fieldName returns the key of a custom field of which the id (after a #), the
// key or the name that people see is given; the same again if it is not known.
func (r rows) fieldName(location, name string) string {
	what, id := readFieldNames, strings.ToLower(name)
	if strings.HasPrefix(name, "#") {
		what, id = readFields, name[1:]
	}
	if known := r.named(location, what, id); known != "" {
		return known
	}
	return name
}

// forget deletes what the view knows of a contact. What is left is what a
// rebuild has, to which the erased entries say nothing.
func (f *leadFold) forget() error {
	contact := f.e.Subject
	row, _, err := f.lead(contact)
	if err != nil || contact == "" {
		return err
	}
	for _, subject := range row.subjects(contact) {
		for _, bucket := range []string{"touches", "timeline"} {
			if err := f.clear(bucket, []byte(subject)); err != nil {
				return err
			}
		}
	}
	for _, address := range row.Emails {
		if err := f.delete("addresses", key(f.e.Location, address, contact)); err != nil {
			return err
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
	return f.putLead(contact, row.indexKeys(), &leadRow{Forgotten: true, AsOf: f.e.ID})
}
