package projections

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"

	"github.com/oklog/ulid/v2"
)

// leadRow is a contact as the view keeps it: what the newest event says, field
// by field, and sets that only grow. Both are the same for any order of the
// events. What follows from a row is worked out when it is read.
type leadRow struct {
	Location register[string]            `json:"loc"`
	Profile  map[string]register[string] `json:"p,omitempty"`
	Tags     register[[]string]          `json:"tags"`
	DND      register[bool]              `json:"dnd"`
	Custom   map[string]register[any]    `json:"cf,omitempty"` // by name, or # and id
	Opps     map[string]*opportunityRow  `json:"opps,omitempty"`
	Appts    map[string]*appointmentRow  `json:"appts,omitempty"`
	Emails   []string                    `json:"emails,omitempty"`  // every one the contact had, lower case, sorted
	Written  map[string]register[any]    `json:"written,omitempty"` // our fields, by our receipts
	Asked    map[string]any              `json:"asked,omitempty"`   // our fields, as last requested
	In, Out  int                         `json:",omitempty"`        // messages
	Created  stamp                       `json:"created,omitzero"`  // the oldest contact.created
	First    stamp                       `json:"first,omitzero"`    // the oldest event of any kind
	Newest   stamp                       `json:"newest,omitzero"`   // the newest event of any kind
	Gone     register[bool]              `json:"gone"`              // contact.deleted, unless created anew
	OptedOut stamp                       `json:"out,omitzero"`      // the newest word to stop
	OptedIn  stamp                       `json:"in,omitzero"`       // the newest audit.leads.opt_in
	Score    json.RawMessage             `json:"score,omitempty"`
	ScoredAs uint64                      `json:"as,omitempty"`
	AsOf     ulid.ULID                   `json:"asof"` // the newest entry folded

	Forgotten bool `json:"forgotten,omitempty"` // erased: nothing else is set
}

// opportunityRow is a deal.
type opportunityRow struct {
	Fields map[string]register[string] `json:"f,omitempty"` // name, stage, pipeline, …; ids with #
	Value  register[float64]           `json:"v"`
	Final  register[float64]           `json:"fp"` // the value that a won event gave
	Status spans                       `json:"st,omitempty"`
	Raw    register[string]            `json:"raw"`
}

// appointmentRow is a tour or another appointment.
type appointmentRow struct {
	Fields   map[string]register[string] `json:"f,omitempty"` // type, title, property_address, feedback, #calendar
	Start    register[int64]             `json:"start"`       // unix seconds
	Minutes  register[float64]           `json:"min"`
	Feedback register[float64]           `json:"tone"` // its sentiment
	Status   spans                       `json:"st,omitempty"`
}

// messageRow is one message, either way.
type messageRow struct {
	ID        string  `json:"id"`
	Inbound   bool    `json:"in,omitempty"`
	Channel   string  `json:"ch"`
	Intent    string  `json:"intent,omitempty"`
	Sentiment float64 `json:"tone,omitempty"`
	Label     string  `json:"label,omitempty"`
	Machine   bool    `json:"machine,omitempty"`
	S         stamp   `json:"s"`
}

// touchRow is what became of an e-mail.
type touchRow struct {
	Action   string `json:"a"`
	Campaign string `json:"c,omitempty"`
	S        stamp  `json:"s"`
}

func (row *leadRow) opportunity(id string) *opportunityRow {
	if row.Opps == nil {
		row.Opps = map[string]*opportunityRow{}
	}
	if row.Opps[id] == nil {
		row.Opps[id] = &opportunityRow{}
	}
	return row.Opps[id]
}

func (row *leadRow) appointment(id string) *appointmentRow {
	if row.Appts == nil {
		row.Appts = map[string]*appointmentRow{}
	}
	if row.Appts[id] == nil {
		row.Appts[id] = &appointmentRow{}
	}
	return row.Appts[id]
}

// addEmail adds to the set of the contact's addresses and reports whether it is new.
func (row *leadRow) addEmail(address string) bool {
	i, found := slices.BinarySearch(row.Emails, address)
	if found || address == "" {
		return false
	}
	row.Emails = slices.Insert(row.Emails, i, address)
	return true
}

// subjects are the keys under which touches and moments of the contact are.
func (row *leadRow) subjects(contact string) []string {
	list := []string{contactSubject(contact)}
	for _, address := range row.Emails {
		list = append(list, addressSubject(row.Location.V, address))
	}
	return list
}

func contactSubject(contact string) string { return "c" + contact }

func addressSubject(location, address string) string { return "a" + location + "\x01" + address }

// row returns the contact's row, a new one if there is none.
func (r rows) lead(contact string) (*leadRow, bool, error) {
	if r.walked != nil {
		return r.walked.lead(contact)
	}
	row := &leadRow{}
	ok, err := r.get("leads", []byte(contact), row)
	return row, ok, err
}

// indexed is where the lists of leads find the contact; nil for a row that no
// list shows.
func (r rows) indexed(row *leadRow) map[string][]byte {
	if r.lean || row.hidden() {
		return nil
	}
	return map[string][]byte{"by_score": row.scoreKey(), "by_updated": row.updatedKey()}
}

// putLead keeps the row and moves the contact in the indexes, where it was
// under the keys before.
func (r rows) putLead(contact string, before map[string][]byte, row *leadRow) error {
	if r.walked != nil {
		return r.walked.putLead(contact, row)
	}
	for bucket, k := range before {
		if err := r.delete(bucket, append(k, contact...)); err != nil {
			return err
		}
	}
	for bucket, k := range r.indexed(row) {
		if err := r.putRaw(bucket, append(k, contact...), nil); err != nil {
			return err
		}
	}
	return r.put("leads", []byte(contact), row)
}

// scoreKey sorts by score; a lead without one comes first.
func (row *leadRow) scoreKey() []byte {
	points := -1.0
	if row.Score != nil {
		var s struct{ Score float64 }
		if json.Unmarshal(row.Score, &s) == nil {
			points = s.Score
		}
	}
	return binary.BigEndian.AppendUint32(nil, uint32(math.Round(points*100)+100))
}

func (row *leadRow) updatedKey() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(row.Newest.at))
}

func (row *leadRow) hidden() bool { return row.First.isZero() || row.Gone.V || row.Forgotten }
