package outbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// contactDiffers returns the fields in which GoHighLevel's contact differs
// from the lead. What GoHighLevel leaves out may have been cleared or never
// set: it differs in nothing. Our own fields are not looked at.
func (w *reconciling) contactDiffers(c *ghl.Contact, lead projections.Lead) (fields []string, err error) {
	for _, f := range []struct {
		name string
		here string
		they *string
	}{
		{"first_name", lead.FirstName, c.FirstName}, {"last_name", lead.LastName, c.LastName},
		{"email", lead.Email, c.Email}, {"phone", lead.Phone, c.Phone},
		{"source", lead.Source, c.Source}, {"assigned_to", lead.AssignedTo, c.AssignedTo},
	} {
		if f.they != nil && !strings.EqualFold(strings.TrimSpace(f.here), strings.TrimSpace(*f.they)) {
			fields = append(fields, f.name)
		}
	}
	if c.Tags != nil && !sameTags(lead.Tags, *c.Tags) {
		fields = append(fields, "tags")
	}
	if c.DND != nil && *c.DND && !lead.OptedOut {
		fields = append(fields, "dnd")
	}
	for _, cf := range c.CustomFields {
		name, err := w.fieldName(cf)
		if err != nil {
			return nil, err
		}
		if !ghl.IsOurs(name) && !sameField(lead.CustomFields[name], cf.Value) {
			fields = append(fields, "custom_fields."+name)
		}
	}
	return fields, nil
}

// fieldName is what the lead calls a custom field: its key, or its id while
// nobody has read the key.
func (w *reconciling) fieldName(cf ghl.CustomField) (string, error) {
	if cf.Name != "" {
		return cf.Name, nil
	}
	name, err := w.Names.NameOf(w.Location, readFields, cf.ID)
	return cmp.Or(name, cf.ID), err
}

func sameTags(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// sameField compares values as two answers of GoHighLevel may have them: also
// lists and objects, for which SameValue is not made.
func sameField(here, they any) bool {
	if ghl.SameValue(here, they) {
		return true
	}
	a, aerr := json.Marshal(here)
	b, berr := json.Marshal(they)
	return aerr == nil && berr == nil && string(a) == string(b)
}

func findOpportunity(lead projections.Lead, id string) (projections.LeadOpportunity, bool) {
	for _, o := range lead.Opportunities {
		if o.ID == id {
			return o, true
		}
	}
	return projections.LeadOpportunity{}, false
}

// opportunityDiffers returns the fields in which GoHighLevel's opportunity
// differs from the lead's.
func (w *reconciling) opportunityDiffers(o *ghl.Opportunity, known projections.LeadOpportunity) (fields []string, err error) {
	differs := func(name string, yes bool) {
		if yes {
			fields = append(fields, name)
		}
	}
	differs("name", o.Name != nil && *o.Name != known.Name)
	differs("value", o.Value != nil && *o.Value != known.Value && *o.Value != known.FinalPrice)
	differs("status", o.Status != nil && statusOfDeal(*o.Status) != known.Status)
	for _, f := range []struct {
		name, what, here string
		id               *string
	}{{"pipeline", readPipelines, known.Pipeline, o.PipelineID}, {"stage", readStages, known.Stage, o.StageID}, {"reason", readLostReasons, known.Reason, o.LostReasonID}} {
		if f.id == nil {
			continue
		}
		name, err := w.Names.NameOf(w.Location, f.what, *f.id)
		if err != nil {
			return nil, err
		}
		// Without a name there is nothing to compare with: names show when they are read.
		differs(f.name, name != "" && name != f.here)
	}
	return fields, nil
}

// statusOfDeal is GoHighLevel's status as the lead has it.
func statusOfDeal(raw string) string {
	switch raw = strings.ToLower(raw); raw {
	case "won", "lost":
		return raw
	case "abandoned":
		return "lost"
	}
	return "open"
}

// toldBy returns which webhook would have told of an opportunity as it is, and
// when: a status that the ledger does not have was set at a time of its own.
func toldBy(r ghl.Record, o *ghl.Opportunity, known projections.LeadOpportunity, ok bool, changed time.Time) (rawType string, at time.Time) {
	status := "open"
	if o.Status != nil {
		status = statusOfDeal(*o.Status)
	}
	switch {
	case status != "open" && (!ok || known.Status != status):
		return "OpportunityStatusUpdate", statusChange(r, changed)
	case !ok:
		return "OpportunityCreate", changed
	}
	return "OpportunityUpdate", changed
}

// statusChange is when an opportunity's status was set, as far as it is known.
func statusChange(r ghl.Record, changed time.Time) time.Time {
	var body struct {
		At string `json:"lastStatusChangeAt"`
	}
	if json.Unmarshal(r.Body, &body) == nil {
		if at, err := time.Parse(time.RFC3339, body.At); err == nil {
			return at
		}
	}
	return changed
}
