package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// The kinds of entry that the quarantine writes. A discard is the audit entry
// audit.quarantine.discard.
const (
	quarantinedKind = "event.quarantined"
	admittedKind    = "event.admitted"
)

const quarantinePrefix = "quarantine:"

// Why an authentic body is kept apart.
const (
	causeMalformed = "malformed"
	causeApp       = "other_app"
	causeLocation  = "other_location"
	causeOld       = "too_old"
)

// quarantined is the body of event.quarantined: what came, whole, and why it
// did not become an event.
type quarantined struct {
	Cause    string            `json:"cause"`
	Fields   map[string]string `json:"fields,omitempty"` // faults by field
	Raw      []byte            `json:"raw"`              // base64 of the bytes as they came
	Headers  map[string]string `json:"headers,omitempty"`
	Scheme   string            `json:"scheme"`
	KeyName  string            `json:"key_name"`
	Hint     string            `json:"type_hint,omitempty"` // the type that the path named
	Type     string            `json:"type,omitempty"`      // as far as it could be read
	Dialect  string            `json:"dialect,omitempty"`
	Location string            `json:"location_id,omitempty"`
	Contact  string            `json:"contact_id,omitempty"`
	SignedAt time.Time         `json:"signed_at,omitzero"`
}

// keptHeaders may be stored with a quarantined body: nothing that proves who
// the sender is, for whoever reads the quarantine could send in its name.
var keptHeaders = []string{"Content-Type", "User-Agent", "X-GHL-Timestamp", "Traceparent"}

// quarantine keeps the delivery apart and answers. It is durable before the
// answer, like an event.
func (h *webhooks) quarantine(w http.ResponseWriter, r *http.Request, del *delivery, cause string, fields map[string]string) error {
	draft, err := quarantineDraft(del, cause, fields)
	if err != nil {
		return err
	}
	if del.nameless() {
		first, err := h.Shared.tokens.first(r.Context(), draft.Key, del.arrived)
		if err != nil {
			return err
		}
		draft.Key = fmt.Sprintf("%s:%d", draft.Key, first.Unix())
	}
	got, err := h.keepApart(r.Context(), draft)
	if err != nil {
		return err
	}
	id := ledger.FormatID(got.Entry.ID)
	note := noteOf(r)
	note.entry, note.result = id, "quarantined"
	if got.Added {
		countQuarantined(cause)
		h.Alert("quarantine", "a webhook was quarantined: "+cause)
	}
	return h.answerQuarantined(w, del, cause, id, fields)
}

// keepApart appends the delivery, or finds it waiting. One that was settled is
// over: its repeat waits anew, for else nobody would ever hear of it.
func (h *webhooks) keepApart(ctx context.Context, draft ledger.Draft) (ledger.Appended, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout) // the first look at the ward reads the whole ledger
	defer cancel()
	stem := draft.Key
	for {
		got, err := h.append(ctx, draft)
		if err != nil || got.Added {
			return got, err
		}
		end, err := h.Shared.ward.endOf(ctx, got.Entry.ID)
		if err != nil || end.state == "" {
			return got, err
		}
		draft.Key = stem + "#" + ledger.FormatID(got.Entry.ID)
	}
}

// answerQuarantined says what the sender can do with: GoHighLevel retries a
// refusal in vain and counts it against us, so its own deliveries get 200.
func (h *webhooks) answerQuarantined(w http.ResponseWriter, del *delivery, cause, id string, fields map[string]string) error {
	data := map[string]any{"quarantine_id": id}
	if len(fields) > 0 {
		data["fields"] = fields
	}
	switch {
	case cause == causeApp:
		return &Problem{Status: 403, Short: "Other app", Code: "other_app", Message: "The event is of another app than this service's (GHL_APP_ID).", Data: data}
	case cause == causeLocation:
		return &Problem{Status: 403, Short: "Other location", Code: "other_location", Message: "The event is of a location that this service does not serve (GHL_LOCATION_ID).", Data: data}
	case del.signedByPlatform():
		writeJSON(w, http.StatusOK, received{Status: "received", Message: "kept in the quarantine: " + cause, Data: receivedData{
			QuarantineID: id, EventID: id, Quarantined: true, Milliseconds: milliseconds(h.Now().Sub(del.arrived)),
		}})
		return nil
	}
	return &Problem{Status: 400, Short: "Invalid payload", Code: "invalid_payload",
		Message: "The event is authentic but not valid; it is kept in the quarantine.", Data: data}
}

// quarantineDraft is the delivery as a quarantined entry: one for each body
// and cause, however often it comes. A workflow's without an id gets the time
// of its window as well, for it may rightly come again.
func quarantineDraft(del *delivery, cause string, fields map[string]string) (ledger.Draft, error) {
	q := quarantined{
		Cause: cause, Fields: told(fields), Raw: del.body, Headers: kept(del.headers), Scheme: del.verified.Scheme,
		KeyName: del.verified.KeyName, Hint: del.hint, Type: clipped(string(del.event.Type), maxTold), Dialect: string(del.event.Dialect),
		Location: clipped(del.event.LocationID, maxTold), Contact: clipped(del.event.ContactID, maxTold), SignedAt: del.verified.SignedAt,
	}
	body, err := json.Marshal(q)
	if err != nil {
		return ledger.Draft{}, err
	}
	sum := sha256.Sum256(append([]byte(del.hint+"\n"), del.body...))
	return ledger.Draft{
		Kind: quarantinedKind, Key: quarantinePrefix + cause + ":" + hex.EncodeToString(sum[:]),
		Occurred: occurred(del.event, del.verified, del.arrived), Body: body, Person: personOf(del.event),
		Meta: ledger.Meta{Scheme: del.verified.Scheme, KeyName: del.verified.KeyName, Dialect: string(del.event.Dialect), Type: del.hint},
	}, nil
}

// What is said of a body beside its bytes has bounds of its own: an id of
// megabytes, said again in JSON, is more than an entry takes, and its delivery
// would be answered 429 for ever.
const (
	maxTold   = 1024 // bytes of a name
	maxFaults = 100
)

// told are the faults as they are kept: of many the first by name.
func told(fields map[string]string) map[string]string {
	short := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if len(short) == maxFaults {
			break
		}
		short[clipped(name, maxTold)] = clipped(fields[name], maxTold)
	}
	return short
}

func kept(h http.Header) map[string]string {
	m := map[string]string{}
	for _, name := range keptHeaders {
		if v := h.Get(name); v != "" {
			m[name] = v[:min(len(v), 256)]
		}
	}
	return m
}

// personOf is the address or number by which an erasure finds a body that
// bears no contact: what the event names first of e-mail, phone, recipient and
// contact. What is longer than the ledger takes is nobody's address, and must
// not keep the delivery from being stored.
func personOf(ev ghl.Event) string {
	var names []*string
	if ev.Contact != nil {
		names = append(names, ev.Contact.Email, ev.Contact.Phone)
	}
	for _, name := range append(names, &ev.Address, &ev.ContactID) {
		if name != nil && *name != "" && len(*name) <= ledger.MaxName {
			return *name
		}
	}
	return ""
}
