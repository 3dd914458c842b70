package ghl

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
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
	parsers[ev.Dialect](&ev, root, typeHint)
	if len(root.faults) > 0 {
		return ev, &InvalidError{Fields: root.faults}
	}
	return ev, nil
}

var parsers = map[Dialect]func(ev *Event, root fields, typeHint string){
	Seed: parseSeed,
}

// dialectOf tells the shapes apart.
func dialectOf(root value, typeHint string) Dialect {
	return Seed
}

// envelope reads what every dialect has at its root.
func (ev *Event) envelope(root fields) {
	ev.ID = root.id("webhookId", "webhook_id")
	ev.AppID = root.id("appId", "app_id")
	ev.LocationID = root.id("locationId", "location_id")
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

func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
