package ghlapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// Pages of the searches.
const (
	contactsPage      = 100
	opportunitiesPage = 100
)

// errStuck keeps a search from asking for the same page for ever.
var errStuck = errors.New("the search returned the same page again")

// Contact reads one contact (GET /contacts/{id}).
func (c *Client) Contact(ctx context.Context, location, contact string) (ghl.Record, error) {
	var answer struct {
		Contact json.RawMessage `json:"contact"`
	}
	err := c.read(ctx, "contacts.get", location, "/contacts/"+url.PathEscape(contact), &answer)
	if err != nil {
		return ghl.Record{}, err
	}
	return contactRecord(answer.Contact), nil
}

// Contacts reads the contacts of a location that changed at or after since,
// the longest unchanged first; all of them where since is zero. One that
// changes meanwhile comes once more. The first error ends it.
func (c *Client) Contacts(ctx context.Context, location string, since time.Time) iter.Seq2[ghl.Record, error] {
	return paged(func(after string) ([]ghl.Record, string, error) {
		return c.contactsPage(ctx, location, since, after)
	})
}

// Opportunities reads the opportunities of a location, the oldest first. The
// first error ends it.
func (c *Client) Opportunities(ctx context.Context, location string) iter.Seq2[ghl.Record, error] {
	return paged(func(after opportunityPlace) ([]ghl.Record, opportunityPlace, error) {
		return c.opportunitiesPage(ctx, location, after)
	})
}

// paged reads pages one by one. A zero place is before the first page, and
// after the last.
func paged[Place comparable](read func(Place) (page []ghl.Record, next Place, err error)) iter.Seq2[ghl.Record, error] {
	return func(yield func(ghl.Record, error) bool) {
		var first, place Place
		for {
			page, next, err := read(place)
			if err == nil && next == place && next != first {
				err = errStuck
			}
			if err != nil {
				yield(ghl.Record{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if place = next; place == first {
				return
			}
		}
	}
}

// contactsPage reads one page; next is the place behind it, as JSON.
func (c *Client) contactsPage(ctx context.Context, location string, since time.Time, after string) (page []ghl.Record, next string, err error) {
	var answer struct {
		Contacts []json.RawMessage `json:"contacts"`
	}
	err = c.do(ctx, request{
		name: "contacts.search", location: location, method: http.MethodPost, path: "/contacts/search",
		body: contactsQuery(location, since, after), reads: true,
	}, &answer)
	if err != nil {
		return nil, "", err
	}
	for _, raw := range answer.Contacts {
		page = append(page, contactRecord(raw))
	}
	if len(page) < contactsPage {
		return page, "", nil
	}
	var last struct {
		SearchAfter json.RawMessage `json:"searchAfter"`
	}
	err = json.Unmarshal(answer.Contacts[len(page)-1], &last)
	return page, string(last.SearchAfter), err
}

func contactsQuery(location string, since time.Time, after string) map[string]any {
	body := map[string]any{
		"locationId": location, "pageLimit": contactsPage,
		"sort": []any{map[string]string{"field": "dateUpdated", "direction": "asc"}},
	}
	if after == "" {
		body["page"] = 1
	} else {
		body["searchAfter"] = json.RawMessage(after)
	}
	if !since.IsZero() {
		body["filters"] = []any{map[string]any{
			"field": "dateUpdated", "operator": "range", "value": map[string]string{"gte": since.UTC().Format(time.RFC3339Nano)},
		}}
	}
	return body
}

// Opportunity reads one opportunity (GET /opportunities/{id}).
func (c *Client) Opportunity(ctx context.Context, location, opportunity string) (ghl.Record, error) {
	var answer struct {
		Opportunity json.RawMessage `json:"opportunity"`
	}
	err := c.read(ctx, "opportunities.get", location, "/opportunities/"+url.PathEscape(opportunity), &answer)
	if err != nil {
		return ghl.Record{}, err
	}
	return opportunityRecord(answer.Opportunity), nil
}

// opportunityPlace is where a page of opportunities ended.
type opportunityPlace struct {
	At json.Number `json:"startAfter"`
	ID string      `json:"startAfterId"`
}

func (c *Client) opportunitiesPage(ctx context.Context, location string, after opportunityPlace) (page []ghl.Record, next opportunityPlace, err error) {
	q := url.Values{
		"location_id": {location}, "limit": {strconv.Itoa(opportunitiesPage)}, "order": {"added_asc"}, "status": {"all"},
	}
	if after.ID != "" {
		q.Set("startAfter", after.At.String())
		q.Set("startAfterId", after.ID)
	}
	var answer struct {
		Opportunities []json.RawMessage `json:"opportunities"`
		Meta          opportunityPlace  `json:"meta"`
	}
	err = c.read(ctx, "opportunities.search", location, "/opportunities/search?"+q.Encode(), &answer)
	for _, raw := range answer.Opportunities {
		page = append(page, opportunityRecord(raw))
	}
	if len(page) < opportunitiesPage {
		return page, next, err
	}
	return page, answer.Meta, err
}

// contactRecord and opportunityRecord read what they can: a record that lacks
// its times is still a record.
func contactRecord(raw json.RawMessage) ghl.Record {
	var r struct {
		ID      string `json:"id"`
		Added   moment `json:"dateAdded"`
		Updated moment `json:"dateUpdated"`
	}
	_ = json.Unmarshal(raw, &r)
	return ghl.Record{ID: r.ID, ContactID: r.ID, Added: r.Added.Time, Updated: r.Updated.Time, Body: raw}
}

func opportunityRecord(raw json.RawMessage) ghl.Record {
	var r struct {
		ID        string `json:"id"`
		ContactID string `json:"contactId"`
		Added     moment `json:"createdAt"`
		Updated   moment `json:"updatedAt"`
	}
	_ = json.Unmarshal(raw, &r)
	return ghl.Record{ID: r.ID, ContactID: r.ContactID, Added: r.Added.Time, Updated: r.Updated.Time, Body: raw}
}

// moment is a time as text, or anything else that is no time to us.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	_ = m.Time.UnmarshalJSON(b) // zero where it is none
	return nil
}

// read is a GET.
func (c *Client) read(ctx context.Context, name, location, path string, out any) error {
	return c.do(ctx, request{name: name, location: location, method: http.MethodGet, path: path, reads: true}, out)
}
