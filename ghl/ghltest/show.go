package ghltest

import (
	"maps"
	"slices"
	"strings"
)

// iso is how GoHighLevel writes times.
const iso = "2006-01-02T15:04:05.000Z"

// show is a contact as the API answers it: custom fields as {id, value}.
func (s *Server) show(c Contact) map[string]any {
	shown := maps.Clone(c.Properties)
	shown["id"], shown["locationId"] = c.ID, c.Location
	shown["dateAdded"], shown["dateUpdated"] = c.Added.UTC().Format(iso), c.Updated.UTC().Format(iso)
	shown["customFields"] = s.fieldsByID(c)
	if shown["tags"] == nil {
		shown["tags"] = []string{}
	}
	return shown
}

func (s *Server) fieldsByID(c Contact) []map[string]any {
	list := []map[string]any{}
	for _, d := range s.locations[c.Location].fields {
		if v, ok := c.Fields[strings.TrimPrefix(d.Key, "contact.")]; ok {
			list = append(list, map[string]any{"id": d.ID, "value": v})
		}
	}
	return list
}

func (s *Server) addTags(x *exchange) answer {
	return s.setTags(x, func(have, named []string) []string {
		for _, t := range named {
			if !slices.Contains(have, t) {
				have = append(have, t)
			}
		}
		return have
	})
}

func (s *Server) removeTags(x *exchange) answer {
	return s.setTags(x, func(have, named []string) []string {
		return slices.DeleteFunc(have, func(t string) bool { return slices.Contains(named, t) })
	})
}

func (s *Server) setTags(x *exchange, merge func(have, named []string) []string) answer {
	c := s.find(x)
	if c == nil {
		return notFound(x)
	}
	named := texts(x.fields["tags"])
	if named == nil {
		return invalid("tags must be an array")
	}
	have := merge(slices.Clone(texts(c.Properties["tags"])), named)
	c.Properties["tags"], c.Updated = have, x.At.UTC()
	return done(201, map[string]any{"tags": have})
}

func texts(v any) (list []string) {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		list = []string{}
		for _, item := range v {
			if t, ok := item.(string); ok {
				list = append(list, t)
			}
		}
	}
	return list
}
