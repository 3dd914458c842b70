package main

import (
	"encoding/json"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// data is the data of one seed event.
type data map[string]any

// step is one event of the demo's story, some time before now by the sender's
// clock.
type step struct {
	kind ghl.Type
	ago  time.Duration
	data data
}

// refused is the contact whose update the sandbox refuses: the story's dead letter.
const refused = "contact_ravi"

// story has every event type: Maria buys, John leaves, Ada reads her mail,
// Tom is deleted, and GoHighLevel refuses Ravi.
var story = []step{
	{ghl.ContactCreated, 60 * time.Minute, data{
		"contact_id": "contact_maria", "first_name": "Maria", "last_name": "Lopez", "email": "maria@example.com",
		"phone": "+1-555-010-0001", "source": "referral",
		"custom_fields": data{"budget": "300000-500000", "timeline": "2 months", "property_type": "single_family"}}},
	{ghl.ContactCreated, 58 * time.Minute, data{
		"contact_id": "contact_john", "first_name": "John", "last_name": "Smith", "email": "john@example.com",
		"phone": "+1-555-010-0002", "source": "website",
		"custom_fields": data{"budget": "250000-300000", "timeline": "9 months"}}},
	{ghl.ContactCreated, 55 * time.Minute, data{
		"contact_id": "contact_ada", "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com", "source": "facebook"}},
	{ghl.ContactCreated, 54 * time.Minute, data{
		"contact_id": refused, "first_name": "Ravi", "last_name": "Patel", "email": "ravi@example.com", "source": "open house"}},
	{ghl.MessageReceived, 50 * time.Minute, data{
		"message_id": "msg_1", "contact_id": "contact_maria", "channel": "sms",
		"content": "Hi, I'm very interested in the property on Main Street. Can we see it this week?", "response_time_ms": 120}},
	{ghl.MessageSent, 48 * time.Minute, data{
		"message_id": "msg_2", "contact_id": "contact_maria", "channel": "sms", "content": "Of course. Thursday at two?"}},
	{ghl.OpportunityCreated, 45 * time.Minute, data{
		"opportunity_id": "opp_maria", "contact_id": "contact_maria", "name": "123 Main Street - Buyer",
		"value": 425000, "pipeline": "Real Estate Sales", "status": "lead"}},
	{ghl.AppointmentScheduled, 40 * time.Minute, data{
		"appointment_id": "apt_maria", "contact_id": "contact_maria", "property_address": "123 Main Street",
		"appointment_date": in(48 * time.Hour), "appointment_type": "property_tour"}},
	{ghl.ContactUpdated, 38 * time.Minute, data{
		"contact_id": "contact_maria", "updated_fields": data{"phone": "+1-555-010-0009", "custom_fields": data{"budget": "400000-600000"}}}},
	{ghl.AppointmentCompleted, 30 * time.Minute, data{
		"appointment_id": "apt_maria", "contact_id": "contact_maria", "duration_minutes": 45, "feedback": "Very interested in property"}},
	{ghl.OpportunityUpdated, 25 * time.Minute, data{
		"opportunity_id": "opp_maria", "contact_id": "contact_maria", "name": "123 Main Street - Buyer", "value": 430000, "status": "negotiation"}},
	{ghl.OpportunityWon, 20 * time.Minute, data{
		"opportunity_id": "opp_maria", "contact_id": "contact_maria", "property_address": "123 Main Street",
		"final_price": 425000, "close_date": "2026-02-15"}},
	{ghl.CampaignOpened, 18 * time.Minute, data{
		"campaign_id": "camp_spring", "contact_id": "contact_ada", "open_time": in(-18 * time.Minute), "device": "mobile"}},
	{ghl.CampaignClicked, 17 * time.Minute, data{
		"campaign_id": "camp_spring", "contact_id": "contact_ada", "url": "https://example.com/listings/9-oak-lane"}},
	{ghl.AppointmentMissed, 15 * time.Minute, data{
		"appointment_id": "apt_john", "contact_id": "contact_john", "property_address": "7 Elm Court"}},
	{ghl.OpportunityLost, 10 * time.Minute, data{
		"opportunity_id": "opp_john", "contact_id": "contact_john", "reason": "Found different agent", "closed_date": "2026-01-10"}},
	{ghl.ContactDeleted, 5 * time.Minute, data{"contact_id": "contact_ada"}},
}

// in is a time relative to when the story is told.
type in time.Duration

// body returns the step as the seed's gateway would send it at now.
func (s step) body(now time.Time) []byte {
	told := make(data, len(s.data))
	for key, v := range s.data {
		if d, ok := v.(in); ok {
			v = now.Add(time.Duration(d)).UTC().Format(time.RFC3339)
		}
		told[key] = v
	}
	b, err := json.Marshal(map[string]any{
		"type": s.kind, "timestamp": now.Add(-s.ago).UTC().Format(time.RFC3339), "data": told,
	})
	if err != nil {
		panic(err) // the story is ours
	}
	return b
}
