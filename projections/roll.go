package projections

import "bytes"

// Roll returns up to limit leads of a location, or of all, with contact ids
// above after, in the order of the ids, and where to go on; "" after the last.
// Unlike List's, the order is changed by nothing that happens meanwhile, so who
// pages through it meets every lead. Deleted and forgotten ones are left out,
// and so are the properties that fit a lead.
func (v LeadsView) Roll(location, after string, limit int) (leads []Lead, next string, err error) {
	err = v.view(func(r rows) error {
		b := r.tx.Bucket([]byte("leads"))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		k, _ := c.Seek([]byte(after))
		if after != "" && bytes.Equal(k, []byte(after)) {
			k, _ = c.Next()
		}
		for ; k != nil; k, _ = c.Next() {
			if len(leads) == limit {
				next = leads[limit-1].ContactID
				return nil
			}
			lead, ok, err := r.unmatched(v.Meaning, string(k))
			if err != nil {
				return err
			}
			if ok && lead.Status != StatusDeleted && (location == "" || lead.LocationID == location) {
				leads = append(leads, lead)
			}
		}
		return nil
	})
	return leads, next, err
}

// Deleted returns the leads that GoHighLevel deleted and that are not forgotten.
func (v LeadsView) Deleted() (leads []Lead, err error) {
	err = v.view(func(r rows) error {
		b := r.tx.Bucket([]byte("leads"))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, _ []byte) error {
			row, _, err := r.lead(string(k))
			if err != nil || !row.Gone.V || row.Forgotten {
				return err
			}
			lead, ok, err := r.unmatched(v.Meaning, string(k))
			if ok {
				leads = append(leads, lead)
			}
			return err
		})
	})
	return leads, err
}
