package projections

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// What a ghl.read entry may be about, as parts of keys in names.
const (
	readFields      = "custom_fields"
	readFieldNames  = "custom_field_names" // key by display name
	readPipelines   = "pipelines"
	readStages      = "stages"
	readLostReasons = "lost_reasons"
	readCalendars   = "calendars"
)

// definitions is the body of a ghl.read entry.
type definitions struct {
	What     string
	Location string `json:"location_id"`
	Items    []struct {
		ghl.Definition
		Stages []struct{ ID, Name string }
	}
}

// foldNames keeps the names of what events call by id, in the bucket names:
// location, what, id → name. It tells changed, if there is one, of every name
// that is another now.
func (r rows) foldNames(e ledger.Entry, changed func(location, what, id string) error) error {
	var read definitions
	if err := json.Unmarshal(e.Body, &read); err != nil {
		return fmt.Errorf("ghl.read: %w", err)
	}
	if read.Location == "" {
		read.Location = e.Location
	}
	for _, n := range read.names() {
		if n.id == "" || n.name == "" || r.named(read.Location, n.what, n.id) == n.name {
			continue
		}
		if err := r.putRaw("names", key(read.Location, n.what, n.id), []byte(n.name)); err != nil {
			return err
		}
		if changed == nil {
			continue
		}
		if err := changed(read.Location, n.what, n.id); err != nil {
			return err
		}
	}
	return nil
}

type naming struct{ what, id, name string }

func (d definitions) names() (list []naming) {
	for _, item := range d.Items {
		list = append(list, naming{d.What, item.ID, fieldKeyOr(item.Definition)})
		if d.What == readFields {
			list = append(list, naming{readFieldNames, strings.ToLower(item.Name), fieldKeyOr(item.Definition)})
		}
		for _, stage := range item.Stages {
			list = append(list, naming{readStages, stage.ID, stage.Name})
		}
	}
	return list
}

// fieldKeyOr is a field's key without its model (contact.budget is budget), or
// the name of what has no key.
func fieldKeyOr(d ghl.Definition) string {
	if _, name, ok := strings.Cut(d.Key, "."); ok && name != "" {
		return name
	}
	if d.Key != "" {
		return d.Key
	}
	return d.Name
}

// named returns the name of the thing with that id, or "".
func (r rows) named(location, what, id string) string {
	return string(r.raw("names", key(location, what, id)))
}

// nameOf is the newer of a field's name and what its id is the name of.
func (r rows) nameOf(fields map[string]register[string], field, location, what string) string {
	byName, byID := fields[field], fields["#"+field]
	if name := r.named(location, what, byID.V); name != "" && byID.S.after(byName.S) {
		return name
	}
	return byName.V
}

// fieldName returns the key of a custom field of which the id (after a #), the
// key or the name that people see is given; the same again if it is not known.
func (r rows) fieldName(location, name string) string {
	what, id := readFieldNames, strings.ToLower(name)
	if strings.HasPrefix(name, "#") {
		what, id = readFields, name[1:]
	}
	if known := r.named(location, what, id); known != "" {
		return known
	}
	return name
}

// NameOf returns what GoHighLevel calls the thing with that id at a location,
// "" where nobody has read it. What is custom_fields (by key), pipelines,
// stages, lost_reasons or calendars.
func (v LeadsView) NameOf(location, what, id string) (name string, err error) {
	err = v.view(func(r rows) error {
		name = r.named(location, what, id)
		return nil
	})
	return name, err
}
