package outbox

import (
	"encoding/json"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// Agent is who an Opinion is from.
const Agent = "agent"

// Opinion is the body of a feedback.recorded that is an agent's word about a
// score. It is no outcome, and nothing is trained on it: agents say up to what
// they know already.
type Opinion struct {
	From    string   `json:"from"`  // Agent; empty in a Feedback
	Thumb   string   `json:"thumb"` // up or down
	Note    string   `json:"note,omitempty"`
	Score   *float64 `json:"score"` // that the agent saw
	ModelID string   `json:"model_id,omitempty"`
}

// Draft is the entry of an opinion about a lead, asked for by cause.
func (o Opinion) Draft(lead projections.Lead, cause ulid.ULID, at time.Time) ledger.Draft {
	body, _ := json.Marshal(o) // strings and a number
	return ledger.Draft{
		Kind: FeedbackRecorded, Key: "opinion:" + cause.String(), Subject: lead.ContactID, Location: lead.LocationID,
		Cause: cause, Occurred: at.UTC(), Body: body,
	}
}
