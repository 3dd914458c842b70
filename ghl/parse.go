package ghl

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ParseEvent returns what body means. The dialect is told by what is in it;
// typeHint is the event type that the request's path named, or "", and counts
// for bodies that name none. It is a pure function of its arguments: a fold
// calls it again for each entry.
//
// A body that is no valid event is an *InvalidError with all its faults; the
// Event then has what could be read nevertheless (type, location, contact), for
// the quarantine. A type that nothing handles is valid: it becomes
// unknown.<type> and needs no field but that.
func ParseEvent(body []byte, typeHint string) (Event, error) {
	v, err := decode(body)
	if err != nil {
		return Event{}, err
	}
	root := fields{value: v, faults: map[string]string{}}
	ev := Event{Dialect: dialectOf(v, typeHint)}
	switch ev.Dialect {
	case Flat:
		parseFlat(&ev, root)
	case Guide:
		parseGuide(&ev, root)
	case Workflow:
		parseWorkflow(&ev, root, typeHint)
	default:
		parseSeed(&ev, root, typeHint)
	}
	if len(root.faults) > 0 {
		return ev, &InvalidError{Fields: root.faults}
	}
	return ev, nil
}

// knownTypes are the types that something follows from.
var knownTypes = append(slices.Clone(SeedTypes), OpportunityDeleted, AppointmentCancelled)

// dialectOf tells the four shapes apart. GoHighLevel writes its types in upper
// camel case, the seed in dotted lower case; a workflow writes none.
func dialectOf(root value, typeHint string) Dialect {
	name := root.member("type").text
	ghlName := name != "" && name[0] >= 'A' && name[0] <= 'Z'
	workflow := root.member("workflow").isObject() || root.member("customData").isObject()
	switch {
	case root.member("data").isObject() && ghlName:
		return Guide
	case root.member("data").isObject() || slices.Contains(knownTypes, Type(name)) && typeHint == "":
		return Seed
	case workflow:
		return Workflow
	case ghlName:
		return Flat
	case typeHint != "":
		return Workflow
	case hasEnvelope(root):
		return Flat // some of GoHighLevel's events name no type
	}
	return Seed
}

// hasEnvelope reports whether root has what GoHighLevel adds to any record.
func hasEnvelope(root value) bool {
	for _, name := range []string{"webhookId", "versionId", "appId", "locationId", "companyId"} {
		if root.member(name).isString() {
			return true
		}
	}
	return false
}

// envelope reads what every dialect has at its root.
func (ev *Event) envelope(root fields) {
	ev.ID = root.id("webhookId", "webhook_id")
	ev.AppID = root.id("appId", "app_id")
	ev.LocationID = root.id("locationId", "location_id")
	if t := root.time("timestamp"); t != nil {
		ev.Time = *t
	}
}

// unhandled makes ev an event that nothing handles. It cannot be wrong, so it
// takes over only what helps to find it, from the first of the places that has it.
func (ev *Event) unhandled(places ...value) {
	ev.Type = unknownType(ev.RawType)
	root := places[0]
	ev.ID, ev.AppID = root.findID("webhookId", "webhook_id"), root.findID("appId", "app_id")
	if t, ok := (fields{types: numerals}).timeOf(root.member("timestamp")); ok {
		ev.Time = t
	}
	for _, v := range places {
		if ev.ContactID == "" {
			ev.ContactID = v.findID("contact_id", "contactId")
		}
		if ev.LocationID == "" {
			ev.LocationID = v.findID("location_id", "locationId")
		}
	}
}

// findID returns an identifier if it is there and sound.
func (v value) findID(names ...string) string {
	for _, name := range names {
		if id := v.member(name); badID(id) == "" {
			return id.text
		}
	}
	return ""
}

// unknownType is the Type of a name that nothing handles, with only such
// characters as a kind, a key and a log line can bear.
func unknownType(raw string) Type {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, clip(raw, 128))
	if name == "" {
		name = "untyped"
	}
	return Type(unknown + name)
}

// DeliveryKey is the ledger's key of a delivery: the same for a repetition of
// it. It is the sender's own id where the body has one, else the body itself.
func DeliveryKey(ev Event, body []byte) string {
	if ev.ID != "" {
		return "wh:" + ev.ID
	}
	return "body:" + bodyHash(body)
}

// ConflictKey is the key of a delivery whose DeliveryKey is taken by another
// body: the sender used an id twice.
func ConflictKey(ev Event, body []byte) string {
	return DeliveryKey(ev, nil) + "#" + bodyHash(body)
}

// TokenKey is the key of a workflow's delivery, which has no id and repeats
// itself rightly: a contact may say "yes" twice. first is when the body was
// first seen within the last ten minutes.
func TokenKey(ev Event, body []byte, first time.Time) string {
	return fmt.Sprintf("tok:%s:%s:%d", ev.Type, bodyHash(body), first.Unix())
}

func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
