package ghl

import (
	"encoding/json"
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
