package outbox

import (
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// isEcho reports whether an event is GoHighLevel telling us what we wrote: it
// changed nothing but fields of ours, each to a value that we asked for. It is
// neither scored nor answered, or each of our updates would cause another one.
func (b *batch) isEcho(ev ghl.Event, m projections.Moment, lead projections.Lead) (bool, error) {
	if ev.Type != ghl.ContactUpdated {
		return false, nil
	}
	if len(m.Changed) == 0 {
		// A whole contact as we know it. The seed's updated_fields are a
		// change by name, and are answered even if they came late.
		return ev.Contact != nil && ev.Contact.Snapshot && lead.Score != nil, nil
	}
	for name := range m.Changed {
		if key, custom := strings.CutPrefix(name, "custom_fields."); !custom || !ghl.IsOurs(key) {
			return false, nil
		}
	}
	asked, err := b.Pending.asked(lead.ContactID)
	if err != nil {
		return false, err
	}
	for name, value := range m.Changed {
		if !anySame(asked[strings.TrimPrefix(name, "custom_fields.")], value) {
			return false, nil // a person changed our field
		}
	}
	return true, nil
}

func anySame(values []any, value any) bool {
	for _, v := range values {
		if ghl.SameValue(value, v) {
			return true
		}
	}
	return false
}

// maxAsked is how many updates back an echo may come from.
const maxAsked = 32

// asked returns the values that a contact's newest updates write, by field.
func (v PendingView) asked(contact string) (values map[string][]any, err error) {
	values = map[string][]any{}
	err = v.read(func(b *buckets) error {
		n := 0
		for id := range b.newest(contact) {
			r, err := b.get(id)
			if err != nil {
				return err
			}
			if r.Request == nil || r.Call != CallFields || r.State == StateDryRun {
				continue
			}
			for key, value := range r.Request.Fields {
				values[key] = append(values[key], value)
			}
			if n++; n == maxAsked {
				break
			}
		}
		return nil
	})
	return values, err
}
