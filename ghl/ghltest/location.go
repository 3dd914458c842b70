package ghltest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// location is a sub-account as it stands.
type location struct {
	Location
	token  string
	fields []ghl.Definition
	window window
}

// settle adds a location.
func (s *Server) settle(l Location) *location {
	at := &location{Location: l, token: l.Token}
	fields := l.Fields
	if fields == nil {
		fields = ghl.OurFields
	}
	for _, d := range fields {
		at.define(d)
	}
	s.locations[l.ID] = at
	for _, c := range l.Contacts {
		c.Location = l.ID
		s.keep(c)
	}
	return at
}

// anywhere are our fields with ids that are the same at every location, for a
// server that has any: a contact may be told before its location is named.
func anywhere() []ghl.Definition {
	fields := slices.Clone(ghl.OurFields)
	for i := range fields {
		fields[i].ID = identity("any location", fields[i].Key)
	}
	return fields
}

// define adds a custom field as GoHighLevel shows it: with an id, and a key
// that begins with the model's name.
func (l *location) define(d ghl.Definition) ghl.Definition {
	d.Key = strings.TrimPrefix(d.Key, "contact.")
	if d.Key == "" {
		d.Key = strings.ToLower(strings.Join(strings.Fields(d.Name), "_"))
	}
	if d.ID == "" {
		d.ID = identity(l.ID, d.Key)
	}
	d.Key = "contact." + d.Key
	l.fields = append(l.fields, d)
	return d
}

func (l *location) field(match func(ghl.Definition) bool) (ghl.Definition, bool) {
	for _, d := range l.fields {
		if match(d) {
			return d, true
		}
	}
	return ghl.Definition{}, false
}

// identity is an id of GoHighLevel's kind, the same for the same parts.
func identity(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return strings.NewReplacer("-", "A", "_", "B").Replace(base64.RawURLEncoding.EncodeToString(sum[:15]))
}

// newID is an id that was not given before.
func (s *Server) newID(kind string) string {
	s.made++
	return identity(kind, s.made)
}

func (s *Server) listFields(x *exchange) answer {
	if model := x.r.URL.Query().Get("model"); model == "opportunity" {
		return done(http.StatusOK, map[string]any{"customFields": []ghl.Definition{}})
	}
	return done(http.StatusOK, map[string]any{"customFields": x.at.fields})
}

func (s *Server) createField(x *exchange) answer {
	name, _ := x.fields["name"].(string)
	dataType, _ := x.fields["dataType"].(string)
	if faults := requireText(x.fields, "name", "dataType"); faults != nil {
		return invalid(faults...)
	}
	if _, exists := x.at.field(func(d ghl.Definition) bool { return strings.EqualFold(d.Name, name) }); exists {
		return refuse(http.StatusBadRequest, "Field name already exists")
	}
	d := x.at.define(ghl.Definition{Name: name, DataType: dataType})
	return done(http.StatusCreated, map[string]any{"customField": d})
}

// requireText returns what GoHighLevel says of texts that are missing.
func requireText(fields map[string]any, names ...string) (faults []string) {
	for _, n := range names {
		if v, ok := fields[n].(string); !ok || v == "" {
			faults = append(faults, n+" should not be empty", n+" must be a string")
		}
	}
	return faults
}

// listed answers with one of a location's lists.
func listed[T any](name string, list func(*location) []T) func(*exchange) answer {
	return func(x *exchange) answer {
		items := list(x.at)
		if items == nil {
			items = []T{}
		}
		return done(http.StatusOK, map[string]any{name: items, "traceId": "sandbox"})
	}
}
