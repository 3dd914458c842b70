package projections

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
)

// LeadsView reads the leads view; its Meaning is that of the projection.
type LeadsView struct {
	Runner *Runner
	Meaning
}

// Sorts of a list of leads.
const (
	SortScore   = "score"   // highest first, those without a score last
	SortUpdated = "updated" // newest first
)

// LeadFilter says which leads to list.
type LeadFilter struct {
	Quality  string
	Status   LeadStatus
	Location string
	MinScore *float64
	Query    string // in name, e-mail, phone or id, without case
	Sort     string // SortScore or SortUpdated; default SortUpdated
	After    string // the next of the page before
	Limit    int    // default 50
}

// ErrCursor is an After that no page has returned.
var ErrCursor = errors.New("not a cursor of this list")

// Wait returns once the view has folded the entry at seq.
func (v LeadsView) Wait(ctx context.Context, seq ledger.Seq) error {
	return v.Runner.Wait(ctx, LeadsName, seq)
}

// Get returns a lead, and false for a contact that no event told of. A deleted
// one is returned with that status.
func (v LeadsView) Get(contact string) (lead Lead, ok bool, err error) {
	err = v.view(func(r rows) error {
		lead, ok, err = r.read(v.Meaning, contact)
		return err
	})
	return lead, ok, err
}

// ByAddress returns the lead with that e-mail address at the location; of
// several, the one with the smallest id.
func (v LeadsView) ByAddress(location, address string) (lead Lead, ok bool, err error) {
	err = v.view(func(r rows) error {
		for contact := range r.under("addresses", key(location, normalAddress(address))) {
			lead, ok, err = r.read(v.Meaning, string(contact))
			return err
		}
		return nil
	})
	return lead, ok, err
}

// Timeline returns up to limit lines of a contact's timeline after a seq,
// oldest first, and whether there are more.
func (v LeadsView) Timeline(contact string, after ledger.Seq, limit int) (list []Moment, more bool, err error) {
	err = v.view(func(r rows) error {
		row, _, err := r.lead(contact)
		if err != nil {
			return err
		}
		list, more, err = r.moments(row.subjects(contact), after, limit)
		for i := range list {
			list[i] = r.resolved(row.Location.V, list[i])
		}
		return err
	})
	return list, more, err
}

// Moment returns the line of a contact's timeline that the entry at seq made.
func (v LeadsView) Moment(contact string, seq ledger.Seq) (Moment, bool, error) {
	list, _, err := v.Timeline(contact, seq-1, 1)
	if err != nil || len(list) == 0 || list[0].Seq != uint64(seq) {
		return Moment{}, false, err
	}
	return list[0], true, nil
}

// List returns a page of leads, without the deleted ones, and where the next
// one begins; "" after the last.
func (v LeadsView) List(filter LeadFilter) (leads []Lead, next string, err error) {
	if filter.Limit <= 0 {
		filter.Limit = 50
	}
	index := "by_updated"
	if filter.Sort == SortScore {
		index = "by_score"
	}
	after, err := base64.RawURLEncoding.DecodeString(filter.After)
	if err != nil {
		return nil, "", ErrCursor
	}
	err = v.view(func(r rows) error {
		for k := range r.backwards(index, after) {
			if len(leads) == filter.Limit {
				next = base64.RawURLEncoding.EncodeToString(after)
				return nil
			}
			if filter.ends(index, k) {
				return nil
			}
			lead, ok, err := v.matching(r, filter, string(k[indexWidth[index]:]))
			if err != nil {
				return err
			}
			if ok {
				leads = append(leads, lead)
				after = bytes.Clone(k)
			}
		}
		return nil
	})
	return leads, next, err
}

// indexWidth is how many bytes of an index's keys come before the contact.
var indexWidth = map[string]int{"by_score": 4, "by_updated": 8}

// ends reports whether what follows k in the index is below the least score.
func (f LeadFilter) ends(index string, k []byte) bool {
	if index != "by_score" || f.MinScore == nil {
		return false
	}
	return float64(binary.BigEndian.Uint32(k))-100 < *f.MinScore*100-0.5
}

// matching reads the lead if it passes the filter, which looks at the row
// before it works out the rest.
func (v LeadsView) matching(r rows, f LeadFilter, contact string) (Lead, bool, error) {
	row, _, err := r.lead(contact)
	if err != nil || !f.passes(contact, row) {
		return Lead{}, false, err
	}
	lead, ok, err := r.read(v.Meaning, contact)
	if err != nil || !ok || f.Status != "" && lead.Status != f.Status {
		return Lead{}, false, err
	}
	return lead, f.scored(lead), nil
}

func (f LeadFilter) passes(contact string, row *leadRow) bool {
	if f.Location != "" && row.Location.V != f.Location {
		return false
	}
	if f.Query == "" {
		return true
	}
	query := strings.ToLower(f.Query)
	profile := []string{contact, row.Profile["first_name"].V + " " + row.Profile["last_name"].V}
	for _, name := range []string{"name", "email", "phone"} {
		profile = append(profile, row.Profile[name].V)
	}
	return strings.Contains(strings.ToLower(strings.Join(profile, "\n")), query)
}

func (f LeadFilter) scored(lead Lead) bool {
	if f.Quality == "" && f.MinScore == nil {
		return true
	}
	s := lead.Score
	return s != nil && (f.Quality == "" || s.Quality == f.Quality) && (f.MinScore == nil || s.Value >= *f.MinScore)
}

// view runs f on the rows of the view that serves.
func (v LeadsView) view(f func(rows) error) error {
	return v.Runner.View(LeadsName, func(tx *bbolt.Tx) error { return f(rows{tx: tx}) })
}
