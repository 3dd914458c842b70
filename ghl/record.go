package ghl

import (
	"encoding/json"
	"fmt"
	"time"
)

// Record is a contact or an opportunity as GoHighLevel's API answers it.
type Record struct {
	ID        string
	ContactID string // of an opportunity; a contact's own id
	Added     time.Time
	Updated   time.Time
	Body      json.RawMessage // the answer's own bytes
}

// As returns r as the webhook of a type would have told it at a time: the
// record's fields at the root, in GoHighLevel's own dialect. The same record
// gives the same bytes.
func (r Record) As(rawType, location string, at time.Time) ([]byte, error) {
	body := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil, fmt.Errorf("record %q: %w", r.ID, err)
	}
	delete(body, "searchAfter") // of the search, not of the record
	for name, text := range map[string]string{
		"type": rawType, "locationId": location, "timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"),
	} {
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		body[name] = quoted
	}
	return json.Marshal(body)
}

// Named is what GoHighLevel's events call by id: a lost reason, a calendar, a
// workflow, a pipeline's stage.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Pipeline is the way that an opportunity goes.
type Pipeline struct {
	Named
	Stages []Named `json:"stages"`
}
