package projections

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// propertyRow is a property as one contact's events name it.
type propertyRow struct {
	Address string  `json:"a"`
	Value   float64 `json:"v,omitempty"`
	S       stamp   `json:"s"`
}

// How many properties are looked at for a lead, in how many rows, and shown. A
// row is one contact's: without the second limit a lead would be read in a time
// that grows with the office where many deals are about few properties.
const (
	maxLookedAt = 200
	maxRows     = 2000
	maxMatches  = 10
)

// seeProperty remembers a property that an event of the contact names. It is
// kept by contact, so that forgetting the contact forgets it too.
func (f *leadFold) seeProperty(address string, value *float64) error {
	address = strings.TrimSpace(address)
	id := strings.ToLower(strings.Join(strings.Fields(address), " "))
	if f.lean || id == "" || strings.Contains(id, "\x00") {
		return nil
	}
	row := propertyRow{Address: address, S: f.s}
	if value != nil {
		row.Value = *value
	}
	seen := key(f.contact, f.e.Location, id)
	var known propertyRow
	found, err := f.get("seen", seen, &known)
	switch {
	case err != nil:
		return err
	case found && !row.newer(known):
		return nil
	case found:
		if err := f.delete("properties", propertyKey(f.e.Location, known.Value, id, f.contact)); err != nil {
			return err
		}
	}
	if err := f.put("seen", seen, row); err != nil {
		return err
	}
	return f.put("properties", propertyKey(f.e.Location, row.Value, id, f.contact), row)
}

// newer prefers an event that knows the value to one that does not, whatever
// their order.
func (p propertyRow) newer(q propertyRow) bool {
	if (p.Value > 0) != (q.Value > 0) {
		return p.Value > 0
	}
	return p.S.after(q.S)
}

func propertyKey(location string, value float64, address, contact string) []byte {
	k := append([]byte(location), 0)
	k = binary.BigEndian.AppendUint64(k, math.Float64bits(max(0, value)))
	return append(k, key(address, contact)...)
}

func (f *leadFold) unseeProperties(contact string) error {
	for rest, v := range f.under("seen", []byte(contact)) {
		var row propertyRow
		if err := Decode("seen", v, &row); err != nil {
			return err
		}
		location, id, _ := strings.Cut(string(rest), "\x00")
		if err := f.delete("properties", propertyKey(location, row.Value, id, contact)); err != nil {
			return err
		}
	}
	return f.clear("seen", []byte(contact))
}

// matches are the properties of the location that fit: with a value within the
// budget, those at a place that the lead names first. A lead without a budget
// is matched by place alone; one without either matches nothing.
func (r rows) matches(location string, p scoring.Preferences) ([]PropertyMatch, error) {
	budget := p.BudgetMin > 0 || p.BudgetMax > 0
	if !budget && len(p.Locations) == 0 {
		return []PropertyMatch{}, nil
	}
	var fits []propertyRow
	newest, looked := map[string]int{}, 0 // by address, its place in fits
	for row, err := range r.priced(location, p.BudgetMin, p.BudgetMax) {
		if err != nil {
			return nil, err
		}
		if looked++; looked > maxRows {
			break
		}
		if !budget && !at(row.Address, p.Locations) || budget && row.Value <= 0 {
			continue
		}
		id := strings.ToLower(row.Address)
		if i, ok := newest[id]; !ok {
			newest[id] = len(fits)
			fits = append(fits, row)
		} else if row.newer(fits[i]) {
			fits[i] = row
		}
		if len(fits) == maxLookedAt {
			break
		}
	}
	slices.SortStableFunc(fits, func(a, b propertyRow) int { return rank(a, p) - rank(b, p) })
	list := make([]PropertyMatch, 0, maxMatches)
	for _, row := range fits[:min(len(fits), maxMatches)] {
		list = append(list, PropertyMatch{PropertyAddress: row.Address, Value: row.Value})
	}
	return list, nil
}

// rank puts what lies where the lead looks before the rest.
func rank(row propertyRow, p scoring.Preferences) int {
	if at(row.Address, p.Locations) {
		return 0
	}
	return 1
}

func at(address string, places []string) bool {
	address = strings.ToLower(address)
	return slices.ContainsFunc(places, func(place string) bool {
		return place != "" && strings.Contains(address, strings.ToLower(place))
	})
}

// priced yields the location's properties from low to high, cheapest first;
// a high of 0 is no limit.
func (r rows) priced(location string, low, high float64) func(yield func(propertyRow, error) bool) {
	return func(yield func(propertyRow, error) bool) {
		b := r.tx.Bucket([]byte("properties"))
		if b == nil {
			return
		}
		prefix := append([]byte(location), 0)
		c := b.Cursor()
		for k, v := c.Seek(binary.BigEndian.AppendUint64(slices.Clone(prefix), math.Float64bits(low))); slices.Equal(prefix, k[:min(len(k), len(prefix))]) && k != nil; k, v = c.Next() {
			var row propertyRow
			err := Decode("properties", v, &row)
			if high > 0 && row.Value > high || !yield(row, err) {
				return
			}
		}
	}
}
