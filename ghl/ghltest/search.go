package ghltest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The pages of contacts/search and opportunities/search.
const (
	maxContacts      = 500
	maxOpportunities = 100
)

// Opportunity is a deal as GoHighLevel holds it.
type Opportunity struct {
	ID               string    `json:"id"`
	Name             string    `json:"name"`
	MonetaryValue    float64   `json:"monetaryValue,omitempty"`
	PipelineID       string    `json:"pipelineId,omitempty"`
	PipelineStageID  string    `json:"pipelineStageId,omitempty"`
	AssignedTo       string    `json:"assignedTo,omitempty"`
	Status           string    `json:"status"` // open, won, lost, abandoned
	Source           string    `json:"source,omitempty"`
	LostReasonID     string    `json:"lostReasonId,omitempty"`
	ContactID        string    `json:"contactId"`
	LocationID       string    `json:"locationId"`
	LastStatusChange time.Time `json:"lastStatusChangeAt,omitzero"`
	CreatedAt        time.Time `json:"createdAt"`
	UpdatedAt        time.Time `json:"updatedAt"`
}

// contactQuery is the body of POST /contacts/search, the part that there is:
// a range of dateUpdated, and pages by number or by searchAfter.
type contactQuery struct {
	LocationID  string          `json:"locationId"`
	Page        int             `json:"page"`
	PageLimit   int             `json:"pageLimit"`
	SearchAfter []any           `json:"searchAfter"`
	Filters     []contactFilter `json:"filters"`
}

type contactFilter struct {
	Field    string `json:"field"`
	Operator string `json:"operator"`
	Value    struct {
		From string `json:"gte"`
		To   string `json:"lte"`
	} `json:"value"`
}

func (s *Server) searchContacts(x *exchange) answer {
	q := contactQuery{Page: 1, PageLimit: 20}
	if err := json.Unmarshal(x.Body, &q); err != nil {
		return refuse(http.StatusBadRequest, "the filters are not valid")
	}
	switch {
	case q.LocationID == "":
		return invalid("locationId should not be empty")
	case q.PageLimit < 1 || q.PageLimit > maxContacts:
		return invalid("pageLimit must not be greater than 500")
	case len(q.SearchAfter) == 0 && q.Page*q.PageLimit > 10_000:
		return refuse(http.StatusBadRequest, "searchAfter is required beyond 10000 records")
	}
	found := s.contactsOf(x.Location, q)
	page, rest := found, (q.Page-1)*q.PageLimit
	if len(q.SearchAfter) > 0 {
		rest = 0
		page = slices.DeleteFunc(slices.Clone(found), func(c Contact) bool { return !comesAfter(c, q.SearchAfter) })
	}
	page = page[min(max(0, rest), len(page)):]
	page = page[:min(len(page), q.PageLimit)]
	shown := []map[string]any{}
	for _, c := range page {
		m := s.show(c)
		m["searchAfter"] = []any{c.Updated.UnixMilli(), c.ID}
		shown = append(shown, m)
	}
	return done(http.StatusOK, map[string]any{"contacts": shown, "total": len(found), "traceId": "sandbox"})
}

// contactsOf returns the contacts that q asks for, in the order of its pages.
func (s *Server) contactsOf(location string, q contactQuery) (found []Contact) {
	for _, c := range s.contacts {
		if c.Location == location && q.wants(*c) {
			found = append(found, *c)
		}
	}
	slices.SortFunc(found, func(a, b Contact) int {
		return cmp.Or(cmp.Compare(a.Updated.UnixMilli(), b.Updated.UnixMilli()), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func (q contactQuery) wants(c Contact) bool {
	for _, f := range q.Filters {
		if f.Field != "dateUpdated" {
			continue
		}
		if from, err := time.Parse(time.RFC3339, f.Value.From); err == nil && c.Updated.Before(from) {
			return false
		}
		if to, err := time.Parse(time.RFC3339, f.Value.To); err == nil && c.Updated.After(to) {
			return false
		}
	}
	return true
}

func comesAfter(c Contact, after []any) bool {
	ms, _ := after[0].(float64)
	id, _ := after[len(after)-1].(string)
	return cmp.Or(cmp.Compare(c.Updated.UnixMilli(), int64(ms)), cmp.Compare(c.ID, id)) > 0
}

func (s *Server) searchOpportunities(x *exchange) answer {
	q := x.r.URL.Query()
	if q.Get("location_id") == "" {
		return invalid("location_id should not be empty")
	}
	limit, page := number(q.Get("limit"), 20), number(q.Get("page"), 1)
	if limit < 1 || limit > maxOpportunities {
		return refuse(http.StatusBadRequest, "limit must not be greater than 100")
	}
	found := opportunitiesOf(x.at, q.Get("contact_id"))
	rest := found[min(max(0, (page-1)*limit), len(found)):]
	if id := q.Get("startAfterId"); id != "" {
		at := slices.IndexFunc(found, func(o Opportunity) bool { return o.ID == id })
		rest = found[at+1:]
	}
	meta := map[string]any{"total": len(found), "currentPage": page, "nextPage": nil}
	if len(rest) > limit {
		rest, meta["nextPage"] = rest[:limit], page+1
	}
	if len(rest) > 0 {
		last := rest[len(rest)-1]
		meta["startAfter"], meta["startAfterId"] = last.CreatedAt.UnixMilli(), last.ID
	}
	return done(http.StatusOK, map[string]any{"opportunities": rest, "meta": meta})
}

func (s *Server) getOpportunity(x *exchange) answer {
	id := x.r.PathValue("opportunity")
	for _, o := range opportunitiesOf(x.at, "") {
		if o.ID == id {
			return done(http.StatusOK, map[string]any{"opportunity": o})
		}
	}
	return refuse(http.StatusNotFound, "Opportunity not found for id: "+id)
}

// opportunitiesOf returns a location's, or a contact's, the oldest first.
func opportunitiesOf(at *location, contact string) []Opportunity {
	found := []Opportunity{}
	for _, o := range at.Opportunities {
		if contact == "" || contact == o.ContactID {
			o.LocationID = at.ID
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b Opportunity) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return found
}

func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return otherwise
	}
	return n
}
