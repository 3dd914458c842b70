package outbox

import (
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// forget drops what was said to and asked of a contact. What is left is what a
// rebuild has, to which the erased entries say nothing.
func (b *buckets) forget(e ledger.Entry) error {
	if e.Subject == "" {
		return nil
	}
	prefix := contactKey(e.Subject)
	for k := range keysFrom(b.contacts, prefix, prefix) {
		r, err := b.get(ulid.ULID(k[len(prefix):]))
		if err != nil {
			return err
		}
		r.forget()
		if err := b.put(r); err != nil {
			return err
		}
	}
	if err := b.answered.Delete([]byte(e.Subject)); err != nil {
		return err
	}
	if err := b.gone.Delete([]byte(e.Subject)); err != nil {
		return err
	}
	return b.forgetDeals(e.Subject)
}

func (r *record) forget() {
	if r.State != StateDelivered {
		r.end(StateDiscarded, Receipt{})
		r.Error = reasonErased
	} else {
		r.Error = ""
	}
	r.Request, r.Kind, r.Call, r.Status = nil, "", "", ""
	r.Attempts, r.Before, r.HeldBy = 0, 0, ""
	r.Waived, r.Redriven, r.Tried = false, false, false
}

func (b *buckets) forgetDeals(contact string) error {
	var ids [][]byte
	err := b.deals.ForEach(func(id, v []byte) error {
		var d deal
		if err := projections.Decode("deals", v, &d); err != nil {
			return err
		}
		if d.Contact == contact {
			ids = append(ids, append([]byte(nil), id...))
		}
		return nil
	})
	for _, id := range ids {
		if err == nil {
			err = b.deals.Delete(id)
		}
	}
	return err
}
