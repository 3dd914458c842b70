package handlers

import (
	"encoding/json"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// schema is a JSON Schema as OpenAPI 3.0 has it.
type schema = map[string]any

// schemas derives schemas from the Go types that are answered, so that the
// document cannot say what the code does not. What encoding/json writes is what
// it describes: a field without omitempty is required, a pointer may be null.
type schemas struct {
	named map[string]schema
	names map[reflect.Type]string
}

func newSchemas() *schemas {
	return &schemas{named: map[string]schema{}, names: map[reflect.Type]string{}}
}

// fixed are types that encoding/json writes by a method of theirs.
var fixed = map[reflect.Type]schema{
	reflect.TypeFor[time.Time]():       {"type": "string", "format": "date-time"},
	reflect.TypeFor[ulid.ULID]():       {"type": "string"},
	reflect.TypeFor[json.RawMessage](): {"nullable": true},
	reflect.TypeFor[[]byte]():          {"type": "string", "format": "byte"},
	reflect.TypeFor[deliveryBody](): {"type": "object", "additionalProperties": true, "properties": schema{
		"type": schema{"type": "string"}, "timestamp": schema{"nullable": true}, "data": schema{"type": "object"}}},
}

// written are the types whose MarshalJSON writes another type.
var written = map[reflect.Type]reflect.Type{
	reflect.TypeFor[projections.Lead](): reflect.TypeFor[projections.LeadJSON](),
}

// closed are the types that have no values but these.
var closed = map[reflect.Type][]string{
	reflect.TypeFor[projections.LeadStatus](): {"new", "engaged", "touring", "negotiating", "sold", "lost", "deleted"},
	reflect.TypeFor[projections.State]():      {"starting", "live", "rebuilding", "halted"},
	reflect.TypeFor[outbox.TaskState]():       {"waiting", "running", "done", "cancelled", "failed"},
	reflect.TypeFor[outbox.EffectState]():     {"pending", "delivered", "dead", "held", "dry_run", "superseded", "discarded"},
	reflect.TypeFor[outbox.Action]():          {"retry", "release", "discard"},
}

// either is an answer that is of one of these values' types.
type either []any

// ofValue returns the schema of v's type.
func (s *schemas) ofValue(v any) schema {
	choices, ok := v.(either)
	if !ok {
		return s.of(reflect.TypeOf(v))
	}
	any := []schema{}
	for _, c := range choices {
		any = append(any, s.ofValue(c))
	}
	return schema{"anyOf": any}
}

// input returns the schema of a body that is read into v: nothing in it must be
// there.
func (s *schemas) input(v any) schema {
	t := reflect.TypeOf(v)
	if _, isFixed := fixed[t]; isFixed || t.Kind() != reflect.Struct {
		return s.of(t)
	}
	o := s.object(t)
	delete(o, "required")
	return o
}

// of returns the schema of t; a named struct is a reference.
func (s *schemas) of(t reflect.Type) schema {
	if as, ok := fixed[t]; ok {
		return as
	}
	if values, ok := closed[t]; ok {
		return schema{"type": "string", "enum": values}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(s.of(t.Elem()))
	case reflect.Slice, reflect.Array:
		return schema{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	case reflect.Interface:
		return schema{"nullable": true}
	}
	return scalar(t)
}

func scalar(t reflect.Type) schema {
	switch t.Kind() {
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.String:
		return schema{"type": "string"}
	}
	return schema{"type": "integer"}
}

func nullable(of schema) schema {
	if _, ref := of["$ref"]; ref {
		return schema{"nullable": true, "allOf": []schema{of}} // beside a $ref nothing counts
	}
	n := schema{"nullable": true}
	maps.Copy(n, of)
	return n
}

// ofStruct describes a type by itself where it has a name to be found by: a
// generic or anonymous one is described where it stands.
func (s *schemas) ofStruct(t reflect.Type) schema {
	if t.Name() == "" || strings.Contains(t.Name(), "[") {
		return s.object(t)
	}
	name, known := s.names[t]
	if !known {
		name = s.nameOf(t)
		s.names[t] = name
		s.named[name] = nil // taken, before its fields name it
		s.named[name] = s.object(t)
	}
	return schema{"$ref": "#/components/schemas/" + name}
}

// nameOf is t's name without what tells our types apart from their origin, and
// with its package where two have one name.
func (s *schemas) nameOf(t reflect.Type) string {
	name := t.Name()
	for _, end := range []string{"View", "Answer", "Body", "JSON"} {
		name = strings.TrimSuffix(name, end)
	}
	name = upper(name)
	if _, taken := s.named[name]; taken {
		name = upper(path.Base(t.PkgPath())) + name
	}
	return name
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (s *schemas) object(t reflect.Type) schema {
	if as, ok := written[t]; ok {
		t = as
	}
	properties, required := schema{}, []string{}
	s.fields(t, properties, &required)
	o := schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// fields adds t's fields, those of embedded structs among them.
func (s *schemas) fields(t reflect.Type, properties schema, required *[]string) {
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		if f.Anonymous && tag == "" {
			s.fields(f.Type, properties, required)
			continue
		}
		if tag == "-" || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") && !slices.Contains(*required, name) {
			*required = append(*required, name)
		}
	}
}
