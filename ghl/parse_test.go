package ghl_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

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
		{name: "a name without a letter, given twice", body: `{"":0,"":1}`,
			want: map[string]string{`""`: "given twice"}},
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

func TestParseEventDialects(t *testing.T) {
	tests := []struct {
		name, body, hint string
		dialect          ghl.Dialect
		want             map[string]string
	}{
		{name: "a contact without id", dialect: ghl.Flat, body: `{"type":"ContactCreate","locationId":"l","firstName":1}`,
			want: map[string]string{"id": "required", "firstName": "must be a string"}},
		{name: "under data", dialect: ghl.Guide, body: `{"type":"ContactCreate","data":{"customFields":{"a":1},"tags":"x"}}`,
			want: map[string]string{"data.id": "required", "data.customFields": "must be an array of objects", "data.tags": "must be an array of strings"}},
		{name: "no appointment", dialect: ghl.Flat, body: `{"type":"AppointmentCreate","locationId":"l"}`,
			want: map[string]string{"appointment": "required"}},
		{name: "appointment of another type", dialect: ghl.Flat, body: `{"type":"AppointmentCreate","locationId":"l","appointment":"a"}`,
			want: map[string]string{"appointment": "must be an object"}},
		{name: "appointment without contact", dialect: ghl.Flat, body: `{"type":"AppointmentCreate","appointment":{"startTime":"late"}}`,
			want: map[string]string{"appointment.contactId": "required", "appointment.startTime": "must be a time, like 2026-01-10T15:30:00Z"}},
		{name: "mail without recipient", dialect: ghl.Flat, body: `{"type":"LCEmailStats","webhookPayload":{"event":"opened"}}`,
			want: map[string]string{"webhookPayload.recipient": "required"}},
		{name: "mail without payload", dialect: ghl.Flat, body: `{"type":"LCEmailStats","locationId":"l"}`,
			want: map[string]string{"webhookPayload": "required"}},
		{name: "workflow without contact", dialect: ghl.Workflow, hint: "contact.created", body: `{"first_name":"A","contact_id":"null"}`,
			want: map[string]string{"contact_id": "required"}},
		{name: "workflow without type", dialect: ghl.Workflow, body: `{"contact_id":"c","customData":{}}`,
			want: map[string]string{"customData.type": "required"}},
		{name: "workflow's own field", dialect: ghl.Workflow, hint: "opportunity.won", body: `{"contact_id":"c","calendar":{},"customData":{"final_price":"a lot"}}`,
			want: map[string]string{"customData.final_price": "must be a number"}},
		{name: "workflow's calendar", dialect: ghl.Workflow, hint: "appointment.scheduled", body: `{"contact_id":"c","calendar":{"startTime":"soon"}}`,
			want: map[string]string{"calendar.startTime": "must be a time, like 2026-01-10T15:30:00Z"}},

		{name: "the seed's body on the workflow's path", dialect: ghl.Seed, hint: "contact.updated", body: `{"type":"contact.created","data":{"contact_id":"c"}}`},
		{name: "the seed's body, type in the path", dialect: ghl.Seed, hint: "contact.updated", body: `{"data":{"contact_id":"c"}}`},
		{name: "GoHighLevel's body on the workflow's path", dialect: ghl.Flat, hint: "contact.updated", body: `{"type":"ContactCreate","id":"c"}`},
		{name: "no type, but an envelope", dialect: ghl.Flat, body: `{"_id":"i","webhookId":"w","name":"Invoice"}`},
		{name: "nothing handles it, nothing is wrong", dialect: ghl.Flat, body: `{"type":"RecordCreate","contactId":{},"timestamp":"never","locationId":7}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev, err := ghl.ParseEvent([]byte(tt.body), tt.hint)
			var got map[string]string
			if invalid := new(ghl.InvalidError); errors.As(err, &invalid) {
				got = invalid.Fields
			}
			if !maps.Equal(got, tt.want) || ev.Dialect != tt.dialect {
				t.Errorf("ParseEvent = %s %s with faults %v, want %s with %v", ev.Dialect, ev.Type, got, tt.dialect, tt.want)
			}
		})
	}
}

func TestParseEventValues(t *testing.T) {
	won := func(price string) *float64 {
		ev, err := ghl.ParseEvent([]byte(`{"type":"opportunity.won","data":{"contact_id":"c","final_price":`+price+`}}`), "")
		if err != nil {
			return nil
		}
		return ev.Opportunity.Value
	}
	for price, want := range map[string]float64{
		`425000`: 425000, `"425000"`: 425000, `"$425,000.50"`: 425000.5, `"€1,250"`: 1250, `"-3"`: -3, `4.25e5`: 425000, `0`: 0, `" 7 "`: 7,
	} {
		if got := won(price); got == nil || *got != want {
			t.Errorf("price %s = %v, want %v", price, got, want)
		}
	}
	for _, price := range []string{`""`, `"Inf"`, `"NaN"`, `"0x10"`, `"1e5"`, `"1,5"`, `"1.5.0"`, `"12_000"`, `true`, `{}`, `[1]`, `"."`, `"$"`} {
		if got := won(price); got != nil {
			t.Errorf("price %s = %v, want a fault", price, *got)
		}
	}
	at := func(s string) string {
		ev, _ := ghl.ParseEvent([]byte(`{"type":"x","webhookId":"w","timestamp":`+s+`}`), "")
		return ev.Time.Format(time.RFC3339Nano)
	}
	for s, want := range map[string]string{
		`"2026-01-10T15:30:00Z"`:           "2026-01-10T15:30:00Z",
		`"2026-01-10T15:30:00.123456789Z"`: "2026-01-10T15:30:00.123456789Z",
		`"2026-01-10T15:30:00.123456"`:     "2026-01-10T15:30:00.123456Z",
		`"2026-01-10 15:30:00"`:            "2026-01-10T15:30:00Z",
		`"2026-01-10T21:00:00+05:30"`:      "2026-01-10T15:30:00Z",
		`"2026-01-10T10:30:00-0500"`:       "2026-01-10T15:30:00Z",
		`"2026-01-10T15:30"`:               "2026-01-10T15:30:00Z",
		`"2026-01-10"`:                     "2026-01-10T00:00:00Z",
		`1768059000`:                       "2026-01-10T15:30:00Z",
		`1768059000.25`:                    "2026-01-10T15:30:00.25Z",
		`1768059000250`:                    "2026-01-10T15:30:00.25Z",
		`"9999-12-31T23:59:59Z"`:           "9999-12-31T23:59:59Z",
		`"9999-12-31T23:59:59-01:00"`:      "0001-01-01T00:00:00Z",
		`"tomorrow"`:                       "0001-01-01T00:00:00Z",
		`-1`:                               "0001-01-01T00:00:00Z",
		`1e300`:                            "0001-01-01T00:00:00Z",
		`"2026-01-10T15:30:00Z and more"`:  "0001-01-01T00:00:00Z",
		`"+2026-01-10T15:30:00Z"`:          "0001-01-01T00:00:00Z",
		`"2026-02-30"`:                     "0001-01-01T00:00:00Z",
	} {
		if got := at(s); got != want {
			t.Errorf("time %s = %s, want %s", s, got, want)
		}
	}
}

func TestDeliveryKey(t *testing.T) {
	with := []byte(`{"type":"contact.created","webhookId":"w-1","data":{"contact_id":"c"}}`)
	without := []byte(`{"type":"contact.created","data":{"contact_id":"c"}}`)
	key := func(body []byte) string {
		ev, err := ghl.ParseEvent(body, "")
		if err != nil {
			t.Fatal(err)
		}
		return ghl.DeliveryKey(ev, body)
	}
	if got := key(with); got != "wh:w-1" {
		t.Errorf("key = %q, want wh:w-1", got)
	}
	if a, b := key(without), key(append(without, ' ')); a == b || !strings.HasPrefix(a, "body:") || len(a) != 5+64 {
		t.Errorf("keys = %q and %q, want two of the form body:<sha256>", a, b)
	}
	ev := ghl.Event{ID: "w-1", Type: ghl.ContactCreated}
	if got := ghl.ConflictKey(ev, with); !strings.HasPrefix(got, "wh:w-1#") || len(got) != 7+64 {
		t.Errorf("conflict key = %q", got)
	}
	if got := ghl.TokenKey(ev, with, time.Unix(1768059000, 5)); !strings.HasPrefix(got, "tok:contact.created:") || !strings.HasSuffix(got, ":1768059000") {
		t.Errorf("token key = %q", got)
	}
}

func TestFieldKey(t *testing.T) {
	for name, want := range map[string]string{
		"contact.ai_score": "ai_score", "AI Score": "ai_score", "budget": "budget", "Move-in  by?": "move_in_by", "Größe": "größe", "": "",
	} {
		if got := ghl.FieldKey(name); got != want {
			t.Errorf("FieldKey(%q) = %q, want %q", name, got, want)
		}
	}
}

func BenchmarkParseEvent(b *testing.B) {
	for _, f := range fixtures(b) {
		switch f.name {
		case "seed.contact.created", "ghl.ContactUpdate", "workflow.opportunity.won":
		default:
			continue
		}
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(f.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ghl.ParseEvent(f.body, f.hint()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseWorst is what the limits let through at most: 1 MiB of names
// and values.
func BenchmarkParseWorst(b *testing.B) {
	body := []byte(`{"type":"x","a":[` + strings.Repeat(`{"n":[]},`, 3300) + `0],"s":"` + strings.Repeat("s", 500_000) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ghl.ParseEvent(body, ""); err != nil {
			b.Fatal(err)
		}
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
