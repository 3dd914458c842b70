package ghl_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func TestParseEventFaults(t *testing.T) {
	tests := []struct {
		name, body, hint string
		want             map[string]string // nil if valid
	}{
		{name: "minimal", body: `{"type":"contact.created","data":{"contact_id":"c"}}`},
		{name: "unknown fields", body: `{"type":"contact.created","x":[{}],"data":{"contact_id":"c","y":{"z":1}}}`},
		{name: "null is not there", body: `{"type":"contact.created","timestamp":null,"data":{"contact_id":"c","email":null}}`},
		{name: "unknown type", body: `{"type":"task.created"}`},
		{name: "one of our own kinds", body: `{"type":"lead.scored","data":{"contact_id":"c"}}`},

		{name: "empty", body: ``, want: map[string]string{"body": "empty"}},
		{name: "not JSON", body: `nonsense`, want: map[string]string{"body": "not JSON at byte 1"}},
		{name: "cut off", body: `{"type":"contact.created","data":{"contact_id":"c"`, want: map[string]string{"body": "ends in the middle"}},
		{name: "array", body: `[]`, want: map[string]string{"body": "must be a JSON object"}},
		{name: "trailing data", body: `{"type":"x"} {}`, want: map[string]string{"body": "something follows the JSON object"}},
		{name: "trailing garbage", body: `{"type":"x"}x`, want: map[string]string{"body": "something follows the JSON object"}},
		{name: "byte order mark", body: "\ufeff{}", want: map[string]string{"body": "not JSON at byte 0"}},
		{name: "invalid UTF-8", body: "{\"type\":\"\xff\"}", want: map[string]string{"body": "not JSON at byte 9"}},
		{name: "lone surrogate", body: `{"type":"\ud800"}`, want: map[string]string{"body": "not JSON at byte 9"}},
		{name: "name given twice", body: `{"type":"contact.created","data":{"contact_id":"a","contact_id":"b"}}`,
			want: map[string]string{"data.contact_id": "given twice"}},
		{name: "name given twice where nobody reads", body: `{"type":"x","deep":[{"a":1,"a":2}]}`,
			want: map[string]string{"deep.0.a": "given twice"}},
		{name: "too deep", body: `{"type":"x","a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
			want: map[string]string{"a" + strings.Repeat(".0", 31): "nested deeper than 32"}},
		{name: "too many values", body: `{"type":"x","a":[` + strings.Repeat("0,", 10_000) + `0]}`,
			want: map[string]string{"a.9997": "more than 10000 values"}},
		{name: "name too long", body: `{"` + strings.Repeat("n", 300) + `":1}`,
			want: map[string]string{strings.Repeat("n", 256): "a name longer than 256 bytes"}},
		{name: "string too long", body: `{"type":"x","a":"` + strings.Repeat("s", 600_000) + `"}`,
			want: map[string]string{"a": "longer than 524288 bytes"}},

		{name: "no type", body: `{"data":{"contact_id":"c"}}`, want: map[string]string{"type": "required"}},
		{name: "type in other case", body: `{"Type":"contact.created","data":{"contact_id":"c"}}`, want: map[string]string{"type": "required"}},
		{name: "type not a string", body: `{"type":7,"data":{"contact_id":"c"}}`, want: map[string]string{"type": "must be a string"}},
		{name: "no data", body: `{"type":"contact.created"}`, want: map[string]string{"data": "required"}},
		{name: "data not an object", body: `{"type":"contact.created","data":[]}`, want: map[string]string{"data": "must be an object"}},
		{name: "no contact", body: `{"type":"contact.created","data":{}}`, want: map[string]string{"data.contact_id": "required"}},
		{name: "empty contact", body: `{"type":"contact.created","data":{"contact_id":" "}}`, want: map[string]string{"data.contact_id": "required"}},
		{name: "contact a number", body: `{"type":"contact.created","data":{"contact_id":1}}`, want: map[string]string{"data.contact_id": "must be a string"}},
		{name: "contact too long", body: `{"type":"contact.created","data":{"contact_id":"` + strings.Repeat("c", 10_000) + `"}}`,
			want: map[string]string{"data.contact_id": "longer than 256 bytes"}},
		{name: "contact breaks a line", body: `{"type":"contact.created","data":{"contact_id":"a\r\nb"}}`,
			want: map[string]string{"data.contact_id": "must not have control characters"}},
		{name: "everything at once", body: `{"type":"contact.created","timestamp":"soon","webhookId":1,"data":{"first_name":1,"email":{},"tags":"a","dnd":"yes","custom_fields":[]}}`,
			want: map[string]string{
				"timestamp": "must be a time, like 2026-01-10T15:30:00Z", "webhookId": "must be a string",
				"data.contact_id": "required", "data.first_name": "must be a string", "data.email": "must be a string",
				"data.tags": "must be an array of strings", "data.dnd": "must be true or false", "data.custom_fields": "must be an object",
			}},
		{name: "wrong inside updated_fields", body: `{"type":"contact.updated","data":{"contact_id":"c","updated_fields":{"phone":5}}}`,
			want: map[string]string{"data.updated_fields.phone": "must be a string"}},
		{name: "money", body: `{"type":"opportunity.won","data":{"contact_id":"c","final_price":"a lot"}}`,
			want: map[string]string{"data.final_price": "must be a number"}},
		{name: "infinite money", body: `{"type":"opportunity.won","data":{"contact_id":"c","final_price":1e999}}`,
			want: map[string]string{"data.final_price": "must be a number"}},
		{name: "appointment", body: `{"type":"appointment.completed","data":{"contact_id":"c","duration_minutes":-3,"appointment_date":"2026-13-01"}}`,
			want: map[string]string{"data.duration_minutes": "out of range", "data.appointment_date": "must be a time, like 2026-01-10T15:30:00Z"}},
		{name: "message", body: `{"type":"message.received","data":{"contact_id":"c","content":["hi"],"channel":1}}`,
			want: map[string]string{"data.content": "must be a string", "data.channel": "must be a string"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ghl.ParseEvent([]byte(tt.body), tt.hint)
			var invalid *ghl.InvalidError
			if errors.As(err, &invalid) != (tt.want != nil) {
				t.Fatalf("ParseEvent = %v, want %v", err, tt.want)
			}
			if invalid != nil && !maps.Equal(invalid.Fields, tt.want) {
				t.Errorf("ParseEvent faults = %v, want %v", invalid.Fields, tt.want)
			}
		})
	}
}

func TestParseEventOwnKinds(t *testing.T) {
	for _, raw := range []string{"lead.scored", "audit.forget", "unknown.x", "Weird Type\n\u2028", strings.Repeat("x", 5000)} {
		ev, err := ghl.ParseEvent([]byte(`{"type":`+quote(raw)+`,"data":{"contact_id":"c"}}`), "")
		if err != nil || ev.Type.Known() || !strings.HasPrefix(string(ev.Type), "unknown.") || len(ev.Type) > 200 {
			t.Errorf("type %.20q became %q (%v), want unknown.…", raw, ev.Type, err)
		}
		if ev.ContactID != "c" {
			t.Errorf("type %.20q: contact %q, want it found", raw, ev.ContactID)
		}
	}
}
