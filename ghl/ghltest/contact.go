package ghltest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// Contact is a contact as GoHighLevel holds it.
type Contact struct {
	ID         string
	Location   string
	Properties map[string]any // firstName, email, tags, …: by the API's names
	Fields     map[string]any // custom fields by key, without "contact."
	Added      time.Time
	Updated    time.Time
}

// properties are what a contact may be told beside its custom fields
// (openapi/contacts.json, UpdateContactDto).
var properties = []string{
	"firstName", "lastName", "name", "email", "phone", "address1", "city", "state", "postalCode", "country",
	"website", "timezone", "dnd", "dndSettings", "inboundDndSettings", "tags", "source", "dateOfBirth", "assignedTo",
}

// Contact returns what is held of a contact.
func (s *Server) Contact(id string) (Contact, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.contacts[id]
	if !ok {
		return Contact{}, false
	}
	return c.clone(), true
}

// Put makes a contact, or holds it anew.
func (s *Server) Put(c Contact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(c.clone())
}

func (c Contact) clone() Contact {
	c.Properties, c.Fields = maps.Clone(c.Properties), maps.Clone(c.Fields)
	return c
}

func (s *Server) keep(c Contact) *Contact {
	if c.Properties == nil {
		c.Properties = map[string]any{}
	}
	if c.Fields == nil {
		c.Fields = map[string]any{}
	}
	if c.Added.IsZero() {
		c.Added = s.o.Now().UTC()
	}
	if c.Updated.IsZero() {
		c.Updated = c.Added
	}
	s.contacts[c.ID] = &c
	delete(s.deleted, c.ID)
	return &c
}

// find returns the contact that x is about; nil where there is none. One that
// was never heard of is made, unless the server is strict.
func (s *Server) find(x *exchange) *Contact {
	c := s.contacts[x.Contact]
	if c == nil && !s.o.Strict && !s.deleted[x.Contact] {
		c = s.keep(Contact{ID: x.Contact, Location: x.Location})
	}
	if c == nil || c.Location != x.Location {
		return nil
	}
	return c
}

func notFound(x *exchange) answer {
	return refuse(http.StatusNotFound, "Contact not found for id: "+x.Contact)
}

func (s *Server) getContact(x *exchange) answer {
	c := s.find(x)
	if c == nil {
		return notFound(x)
	}
	return done(http.StatusOK, map[string]any{"contact": s.show(*c)})
}

func (s *Server) createContact(x *exchange) answer {
	if faults := s.faulty(x, append([]string{"locationId"}, properties...)); faults != nil {
		return invalid(faults...)
	}
	if email, _ := x.fields["email"].(string); email != "" && s.taken(x.Location, email) {
		return refuse(http.StatusBadRequest, "This location does not allow duplicated contacts.")
	}
	c := s.keep(Contact{ID: s.newID("contact"), Location: x.Location})
	x.Contact = c.ID
	s.change(c, x)
	return done(http.StatusCreated, map[string]any{"contact": s.show(*c)})
}

func (s *Server) taken(location, email string) bool {
	for _, c := range s.contacts {
		known, _ := c.Properties["email"].(string)
		if c.Location == location && strings.EqualFold(known, email) {
			return true
		}
	}
	return false
}

func (s *Server) putContact(x *exchange) answer {
	c := s.find(x)
	if c == nil {
		return notFound(x)
	}
	if faults := s.faulty(x, properties); faults != nil {
		return invalid(faults...)
	}
	changed := s.change(c, x)
	s.echoUpdate(*c, changed)
	return done(http.StatusOK, map[string]any{"succeded": true, "contact": s.show(*c)}) // sic
}

func (s *Server) deleteContact(x *exchange) answer {
	if s.find(x) == nil {
		return notFound(x)
	}
	delete(s.contacts, x.Contact)
	s.deleted[x.Contact] = true
	return done(http.StatusOK, map[string]any{"succeded": true})
}

// faulty returns what is wrong with a body that tells of a contact: a property
// that does not exist is refused, as is a custom field without a known id.
func (s *Server) faulty(x *exchange, allowed []string) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		if name != "customFields" && !slices.Contains(allowed, name) {
			faults = append(faults, fmt.Sprintf("property %s should not exist", name))
		}
	}
	items, ok := x.fields["customFields"].([]any)
	if !ok && x.fields["customFields"] != nil {
		return append(faults, "customFields must be an array")
	}
	for i, item := range items {
		if f := x.at.faultyField(item); f != "" {
			faults = append(faults, fmt.Sprintf("customFields.%d.%s", i, f))
		}
	}
	return faults
}

func (l *location) faultyField(item any) string {
	f, _ := item.(map[string]any)
	d, ok := l.named(f)
	switch {
	case !ok:
		return "id must be the id of a custom field"
	case d.DataType == "NUMERICAL" || d.DataType == "MONETORY":
		if _, err := strconv.ParseFloat(fmt.Sprint(fieldValue(f)), 64); err != nil {
			return "field_value must be a number"
		}
	}
	return ""
}

// named returns the definition of a field of a body, given by id or by key.
func (l *location) named(f map[string]any) (ghl.Definition, bool) {
	id, _ := f["id"].(string)
	key, _ := f["key"].(string)
	return l.field(func(d ghl.Definition) bool {
		return id != "" && d.ID == id || key != "" && strings.TrimPrefix(d.Key, "contact.") == strings.TrimPrefix(key, "contact.")
	})
}

// fieldValue is the value of a field of a body: GoHighLevel has three names for it.
func fieldValue(f map[string]any) any {
	for _, name := range []string{"field_value", "fieldValue", "value"} {
		if v, ok := f[name]; ok {
			return v
		}
	}
	return nil
}

// change does what a body says, and returns the custom fields that it named.
func (s *Server) change(c *Contact, x *exchange) (fields map[string]any) {
	fields = map[string]any{}
	for name, v := range x.fields {
		if name != "customFields" && name != "locationId" {
			c.Properties[name] = v
		}
	}
	items, _ := x.fields["customFields"].([]any)
	for _, item := range items {
		f, _ := item.(map[string]any)
		d, _ := x.at.named(f)
		key := strings.TrimPrefix(d.Key, "contact.")
		c.Fields[key], fields[key] = fieldValue(f), fieldValue(f)
	}
	c.Updated = x.At.UTC()
	return fields
}
