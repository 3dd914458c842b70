package outbox

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/enterprisehub/ghl-ledger/projections"
)

// The sequences, each begun by one type of event.
const (
	Welcome          = "welcome"
	TourConfirmation = "tour_confirmation"
	FollowUp         = "follow_up"
	MissedTour       = "missed_tour"
	Congratulations  = "congratulations"
	ReEngagement     = "re_engagement"
	AutoResponse     = "auto_response"
)

// The ways that a sequence may go.
const (
	viaOff      = "off"
	viaEmail    = "email"
	viaSMS      = "sms"
	viaReply    = "reply"
	viaWorkflow = "workflow:"
)

// DefaultSequences is how each sequence goes where nothing is configured.
var DefaultSequences = map[string]string{
	Welcome:          viaEmail,
	TourConfirmation: viaEmail,
	FollowUp:         viaEmail,
	Congratulations:  viaEmail,
	ReEngagement:     viaEmail,
	AutoResponse:     viaReply,
	MissedTour:       viaOff, // the seed does not have it
}

// via returns how a sequence goes.
func (c RulesConfig) via(name string) string {
	return cmp.Or(c.Sequences[name], DefaultSequences[name], viaOff)
}

// CheckVia says what is wrong with a configured way.
func CheckVia(via string) error {
	if id, ok := strings.CutPrefix(via, viaWorkflow); ok && id != "" {
		return nil
	}
	switch via {
	case viaOff, viaEmail, viaSMS, viaReply:
		return nil
	}
	return fmt.Errorf("%q: want off, email, sms, reply or workflow:<id>", via)
}

// messageTypes is GoHighLevel's name of a channel that can be answered, by
// the channel of the message.
var messageTypes = map[string]string{
	"sms": "SMS", "email": "Email", "whatsapp": "WhatsApp",
	"facebook": "FB", "instagram": "IG", "gmb": "GMB", "chat": "Live_Chat",
}

// nameOf is how a person would call the lead.
func nameOf(l projections.Lead) string {
	return cmp.Or(l.Name, strings.TrimSpace(l.FirstName+" "+l.LastName), l.Email, l.Phone, l.ContactID)
}
