package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"strings"
)

// purpose is what the ledger's secret is asked for: who has the answer can tell
// whether a pseudonym is a given person's; without it nobody can.
const purpose = "pseudonyms"

// pseudonyms stand for ids and addresses: the same for the same, in every
// dataset and for as long as the key is. One goroutine may use it.
type pseudonyms struct{ mac hash.Hash }

func newPseudonyms(key []byte) *pseudonyms { return &pseudonyms{hmac.New(sha256.New, key)} }

var pseudonymText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// of returns the pseudonym of a thing of that kind: 80 bits, so that among a
// million people two have the same once in two trillion exports.
func (p *pseudonyms) of(kind, value string) string {
	p.mac.Reset()
	p.mac.Write([]byte(kind))
	p.mac.Write([]byte{0})
	p.mac.Write([]byte(normal(kind, value)))
	var sum [sha256.Size]byte
	return kind + "_" + pseudonymText.EncodeToString(p.mac.Sum(sum[:0])[:10])
}

// normal is value as it is compared: an address that is written otherwise is
// the same person's.
func normal(kind, value string) string {
	switch kind {
	case "email":
		return strings.ToLower(strings.TrimSpace(value))
	case "phone":
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, value)
	}
	return value
}

// mask hides what is personal in a row. With all false only the ids of what
// was erased are hidden, for there is nothing else left of it.
func (p *pseudonyms) mask(columns []Column, row []cell) {
	for i := range columns {
		switch c := &columns[i]; {
		case !c.masked() || row[i].null:
		case c.Personal == direct:
			row[i] = cell{null: true}
		case row[i].text != "":
			row[i].text = p.of(c.Personal, row[i].text)
		}
	}
}
