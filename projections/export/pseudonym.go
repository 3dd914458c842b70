package export

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeyFile is the name of the pseudonyms' key in the data directory. Who has it
// can tell whether a pseudonym is a given person's; without it nobody can.
const KeyFile = "pseudonym.key"

const keySize = 32

// ReadKey returns the key in dir, which it makes once. It is durable on return:
// a key that a power cut takes away would give everybody another pseudonym.
func ReadKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, KeyFile)
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == keySize:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("%s has %d bytes, want %d: restore it, or remove it to have new pseudonyms", path, len(key), keySize)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	key = make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key, writeOnce(path, key)
}

// writeOnce writes a file that is there whole or not at all.
func writeOnce(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

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
