package projections

import (
	"errors"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// foldAddressed folds an e-mail event that names an address only: it is the
// deed of whoever bears the address, now or later.
func (f *outcomeFold) foldAddressed() error {
	if f.ev.Campaign == nil || f.ev.Address == "" {
		return nil
	}
	address := normalAddress(f.ev.Address)
	if err := f.foldTouch(addressSubject(f.e.Location, address)); err != nil {
		return err
	}
	var contacts []string
	for contact := range f.under("addresses", key(f.e.Location, address)) {
		contacts = append(contacts, string(contact))
	}
	for _, contact := range contacts {
		if err := f.recount(contact); err != nil {
			return err
		}
	}
	return nil
}

// foldTouch counts a touch once, however often it is reported.
func (f *outcomeFold) foldTouch(subject string) error {
	c := f.ev.Campaign
	touch := touchRow{Action: string(c.Action), Campaign: c.ID, S: f.s}
	k := key([]byte(subject), f.s.key())
	var known touchRow
	found, err := f.get("touches", k, &known)
	if err != nil || found && !f.s.after(known.S) {
		return err
	}
	if !found { // else it is the same body again
		if err := f.countDeed(subject, c); err != nil {
			return err
		}
	}
	return f.put("touches", k, touch)
}

// countDeed counts the touch for its campaign, and its recipient once an action.
func (f *outcomeFold) countDeed(subject string, c *ghl.Campaign) error {
	deed := key(subject, f.e.Location, c.ID, string(c.Action))
	n := 0
	if _, err := f.get("deeds", deed, &n); err != nil {
		return err
	}
	t := tally{string(c.Action): 1}
	if n == 0 {
		t.bump("people/"+string(c.Action), 1)
	}
	if err := f.addTally("campaigns", key(f.e.Location, c.ID), t, 1); err != nil {
		return err
	}
	return f.put("deeds", deed, n+1)
}

func (f *outcomeFold) forgetTouches(subject string) error {
	for rest, v := range f.under("deeds", []byte(subject)) {
		var n int64
		if err := Decode("deeds", v, &n); err != nil {
			return err
		}
		part := strings.Split(string(rest), "\x00") // location, campaign, action
		t := tally{part[2]: n, "people/" + part[2]: 1}
		if err := f.addTally("campaigns", key(part[0], part[1]), t, -1); err != nil {
			return err
		}
	}
	return errors.Join(f.clear("deeds", []byte(subject)), f.clear("touches", []byte(subject)))
}
