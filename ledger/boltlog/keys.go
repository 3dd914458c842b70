package boltlog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"sync"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// The key file is a row of slots of 32 bytes.
//
//	slot  what
//	   0  "ghl-keys", version 1 (8 bytes, little endian), the ledger's id (16)
//	   1  the secret of the keyed hashes that find keys, contacts and addresses
//	   2  the first key; zeros where a key was destroyed
//
// Keys are made and flushed ahead of their use, so that a new contact costs no
// flush, and a key in use is never lost to a power cut. They are read through
// a mapping that is longer than the file ever gets.
const (
	slotSize  = 32
	firstSlot = 2
	slotsMade = 16384 // made at a time, half of them ahead
	maxSlots  = 1 << 28
	keysMagic = "ghl-keys\x01\x00\x00\x00\x00\x00\x00\x00"
)

// digest is a keyed hash: of a draft's key, of a contact or of an address.
type digest [16]byte

// keyring is the open key file. Reading it is safe for concurrent use; the
// writer alone makes and destroys keys.
type keyring struct {
	file   *os.File
	mapped []byte
	id     [16]byte // of the ledger
	slots  uint64   // made and flushed, the first two included
	mu     sync.RWMutex
	macs   sync.Pool
}

func createKeys(path string) error {
	return newFile(path, func(f *os.File) error {
		b := make([]byte, slotSize*(firstSlot+slotsMade))
		rand.Read(b)
		copy(b, keysMagic)
		_, err := f.Write(b)
		return err
	})
}

func openKeys(path string, mode int) (*keyring, error) {
	f, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, err
	}
	k := &keyring{file: f}
	if err := k.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	k.macs.New = func() any { return hmac.New(sha256.New, k.slot(1)) }
	return k, nil
}

func (k *keyring) load() error {
	info, err := k.file.Stat()
	if err != nil {
		return err
	}
	k.slots = uint64(info.Size() / slotSize)
	if k.slots < firstSlot {
		return fmt.Errorf("%w: %s of %d bytes is cut off", ledger.ErrCorrupt, k.file.Name(), info.Size())
	}
	k.mapped, err = unix.Mmap(int(k.file.Fd()), 0, maxSlots*slotSize, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", k.file.Name(), err)
	}
	if string(k.slot(0)[:16]) != keysMagic {
		return errors.Join(fmt.Errorf("%w: %s is no key file of format 1", ledger.ErrCorrupt, k.file.Name()), unix.Munmap(k.mapped))
	}
	copy(k.id[:], k.slot(0)[16:])
	return nil
}

func (k *keyring) close() error { return errors.Join(unix.Munmap(k.mapped), k.file.Close()) }

func (k *keyring) slot(n uint64) []byte { return k.mapped[n*slotSize : (n+1)*slotSize] }

// made returns how many slots there are.
func (k *keyring) made() uint64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.slots
}

// destroyed says whether the slot holds no key any more.
func (k *keyring) destroyed(n uint64) bool { return [slotSize]byte(k.slot(n)) == [slotSize]byte{} }

// extend makes keys for so many more slots and flushes them.
func (k *keyring) extend(n int) error {
	b := make([]byte, n*slotSize)
	rand.Read(b)
	made := k.made()
	if made+uint64(n) > maxSlots {
		return fmt.Errorf("the key file is full with %d slots", made)
	}
	if _, err := k.file.WriteAt(b, int64(made*slotSize)); err != nil {
		return err
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	k.mu.Lock()
	k.slots = made + uint64(n)
	k.mu.Unlock()
	return nil
}

// destroy overwrites the slots and flushes. On return the keys are gone.
func (k *keyring) destroy(slots []uint64) error {
	dirty := false
	for _, n := range slots {
		if n < firstSlot || n >= k.made() || k.destroyed(n) {
			continue
		}
		if _, err := k.file.WriteAt(make([]byte, slotSize), int64(n*slotSize)); err != nil {
			return err
		}
		dirty = true
	}
	if !dirty {
		return nil
	}
	return k.file.Sync()
}

// errErased says that the key of a body was destroyed.
var errErased = errors.New("erased")

func (k *keyring) aead(slot uint64) (cipher.AEAD, error) {
	if slot < firstSlot || slot >= k.made() {
		return nil, fmt.Errorf("%w: no slot %d in the key file", ledger.ErrCorrupt, slot)
	}
	key := [slotSize]byte(k.slot(slot)) // copied, since it may be destroyed at any moment
	if key == ([slotSize]byte{}) {
		return nil, errErased
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal appends the sealed body to b. An id is never used twice, so its end is
// a nonce; the whole of it is bound to the body.
func (k *keyring) seal(b []byte, slot uint64, id ulid.ULID, body []byte) ([]byte, error) {
	aead, err := k.aead(slot)
	if err != nil {
		return nil, err
	}
	return aead.Seal(b, id[4:], body, id[:]), nil
}

// open is the inverse of seal. It ends with errErased if the key is destroyed.
func (k *keyring) open(slot uint64, id ulid.ULID, sealed []byte) ([]byte, error) {
	aead, err := k.aead(slot)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, id[4:], sealed, id[:])
	switch {
	case err == nil:
		return body, nil
	case k.destroyed(slot): // while we were copying it
		return nil, errErased
	}
	return nil, fmt.Errorf("%w: its body does not open with the key in slot %d", ledger.ErrCorrupt, slot)
}

// digest returns the keyed hash of a text; what says which kind of text it is,
// so that a contact's id never finds an address.
func (k *keyring) digest(what, text string) (d digest) {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write(append(append(make([]byte, 0, 128), what...), text...))
	var sum [sha256.Size]byte
	copy(d[:], mac.Sum(sum[:0]))
	return d
}

func (k *keyring) keyDigest(key string) digest   { return k.digest("key ", key) }
func (k *keyring) subjectDigest(s string) digest { return k.digest("subject ", s) }
func (k *keyring) personDigest(who string) digest {
	return k.digest("person ", strings.ToLower(strings.TrimSpace(who)))
}
