package boltlog

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"
)

// The key file is a row of slots of 32 bytes.
//
//	slot  what
//	   0  "ghl-keys", version 1 (8 bytes, little endian), the ledger's id (16):
//	      the first half of the secret's SHA-256
//	   1  the secret of the keyed hashes that find keys, contacts and addresses
//	   2  the first key; zeros where a key was destroyed
//
// Each body has a key of its own. With one for each contact, as the first ledgers had
// them, whoever appends would have to look for the contact's slot among all, which
// costs more than another key; who is erased is rare, and reads the ledger for the
// slots (see search).
//
// Keys are made and flushed ahead of their use, so that none costs a flush, and a key
// in use is never lost to a power cut. They are read through a mapping that is longer
// than the file ever gets.
const (
	slotSize  = 32
	firstSlot = 2
	keysMagic = "ghl-keys\x01\x00\x00\x00\x00\x00\x00\x00"
)

// digest is a keyed hash: of a draft's key, of a contact or of an address.
type digest [16]byte

// compare orders digests as the index file does; faster than bytes.Compare.
func (d digest) compare(e digest) int {
	if c := cmp.Compare(binary.BigEndian.Uint64(d[:8]), binary.BigEndian.Uint64(e[:8])); c != 0 {
		return c
	}
	return cmp.Compare(binary.BigEndian.Uint64(d[8:]), binary.BigEndian.Uint64(e[8:]))
}

// keyring is the open key file. Reading it is safe for concurrent use; the
// writer alone destroys keys, and they are given out one at a time.
type keyring struct {
	file   *os.File
	mapped []byte
	id     [16]byte // of the ledger
	mu     sync.RWMutex
	slots  atomic.Uint64 // made and flushed, the first two included
	gone   slotSet       // destroyed on purpose; zeros elsewhere are a loss
	macs   sync.Pool

	used     atomic.Uint64 // the newest slot given out
	ahead    sync.Mutex    // held to have keys made
	making   bool          // keys are being made
	extended chan error    // the outcome of that
}

func createKeys(path string) error {
	return newFile(path, func(f *os.File) error {
		b := make([]byte, slotSize*(firstSlot+minMade))
		rand.Read(b)
		copy(b, keysMagic)
		id := idOf(b[slotSize : 2*slotSize])
		copy(b[len(keysMagic):], id[:])
		_, err := f.Write(b)
		return err
	})
}

// idOf makes a damaged secret show: with another one no key would be found
// again, and every delivery would be new.
func idOf(secret []byte) [16]byte {
	sum := sha256.Sum256(secret)
	return [16]byte(sum[:16])
}

func openKeys(path string, mode int) (*keyring, error) {
	f, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, err
	}
	k := &keyring{file: f, extended: make(chan error, 1)}
	if err := k.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	secret := bytes.Clone(k.slot(1)) // an Append to a closed log still hashes its key
	k.macs.New = func() any { return hmac.New(sha256.New, secret) }
	return k, nil
}

func (k *keyring) load() error {
	info, err := k.file.Stat()
	if err != nil {
		return err
	}
	k.slots.Store(uint64(info.Size() / slotSize))
	if k.made() < firstSlot {
		return fmt.Errorf("%w: %s of %d bytes is cut off", ledger.ErrCorrupt, k.file.Name(), info.Size())
	}
	k.mapped, err = unix.Mmap(int(k.file.Fd()), 0, maxSlots*slotSize, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", k.file.Name(), err)
	}
	k.id = idOf(k.slot(1))
	if string(k.slot(0)) != keysMagic+string(k.id[:]) {
		return errors.Join(k.notOurs(), unix.Munmap(k.mapped))
	}
	return nil
}

// notOurs says what is wrong with the first two slots.
func (k *keyring) notOurs() error {
	head := string(k.slot(0))
	if head[:8] == keysMagic[:8] && head[8:16] != keysMagic[8:] {
		return fmt.Errorf("%w: %s is of another format than 1", ledger.ErrNewer, k.file.Name())
	}
	return fmt.Errorf("%w: %s is damaged where it says whose it is", ledger.ErrCorrupt, k.file.Name())
}

// close releases the file. Keys that are being made are waited for.
func (k *keyring) close() error {
	return errors.Join(k.await(), unix.Munmap(k.mapped), k.file.Close())
}

func (k *keyring) slot(n uint64) []byte { return k.mapped[n*slotSize : (n+1)*slotSize] }

// made returns how many slots there are.
func (k *keyring) made() uint64 { return k.slots.Load() }

// has says whether there is such a slot for a key.
func (k *keyring) has(n uint64) bool { return n >= firstSlot && n < k.made() }

// destroyed says whether the slot holds no key any more.
func (k *keyring) destroyed(n uint64) bool { return [slotSize]byte(k.slot(n)) == [slotSize]byte{} }

// destroy overwrites the slots and flushes. On return the keys are gone.
func (k *keyring) destroy(slots []uint64) error {
	k.noteGone(slots) // before they are zeros, so that no reader takes that for a loss
	dirty := false
	for _, n := range slots {
		if !k.has(n) || k.destroyed(n) {
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

// noteGone notes that slots are destroyed on purpose.
func (k *keyring) noteGone(slots []uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range slots {
		if k.has(n) {
			k.gone.add(n)
		}
	}
}

// slotSet is a set of slots, a bit for each.
type slotSet []uint64

func (s *slotSet) add(n uint64) {
	if more := int(n/64) + 1 - len(*s); more > 0 {
		*s = append(*s, make([]uint64, more)...)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

func (s slotSet) has(n uint64) bool { return n/64 < uint64(len(s)) && s[n/64]>>(n%64)&1 != 0 }

// errErased says that the key of a body was destroyed.
var errErased = errors.New("erased")

// missing says why there is no key in a slot: errErased, or it was lost.
func (k *keyring) missing(slot uint64) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.gone.has(slot) {
		return errErased
	}
	return fmt.Errorf("%w: the key in slot %d is lost, and nobody destroyed it", ledger.ErrCorrupt, slot)
}

// key returns a copy of the key in a slot, since it may be destroyed at any
// moment.
func (k *keyring) key(slot uint64) (key [slotSize]byte, err error) {
	if !k.has(slot) {
		return key, fmt.Errorf("%w: no slot %d in the key file", ledger.ErrCorrupt, slot)
	}
	key = [slotSize]byte(k.slot(slot))
	if key == ([slotSize]byte{}) {
		return key, k.missing(slot)
	}
	return key, nil
}

// sealing is by how much a sealed body is longer.
const sealing = chacha20poly1305.Overhead

// seal appends the sealed body to b. An id is never used twice, so its end is
// a nonce; the whole of it is bound to the body.
func (k *keyring) seal(b []byte, slot uint64, id, body []byte) ([]byte, error) {
	key, err := k.key(slot)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(b, id[4:], body, id), nil
}

// open returns the body that was sealed in r. It ends with errErased if the
// key is destroyed.
func (k *keyring) open(r *ledger.Record) ([]byte, error) {
	key, err := k.key(r.Slot)
	if err != nil {
		return nil, err
	}
	aead, err := opener(r.Flags, key[:])
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, r.ID[4:], r.Body, r.ID[:])
	switch {
	case err == nil:
		return body, nil
	case k.destroyed(r.Slot): // while we were copying it
		return nil, k.missing(r.Slot)
	}
	return nil, fmt.Errorf("%w: its body does not open with the key in slot %d", ledger.ErrCorrupt, r.Slot)
}

// opener returns what opens bodies with these flags. AES-GCM, which the first
// ledgers were sealed with, makes tables of each key: that costs five times what
// it costs to seal an event.
func opener(flags ledger.Flags, key []byte) (cipher.AEAD, error) {
	if flags&ledger.ChaCha != 0 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
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

// Secret returns 32 bytes that are this ledger's alone, others for each
// purpose. They follow from the key file, so they are kept and restored with
// it, and are the same for as long as the ledger lives; from what is sealed, or
// from a backup without its keys, nobody can tell them.
func (l *Log) Secret(purpose string) []byte {
	mac := l.keys.macs.Get().(hash.Hash)
	defer l.keys.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte("secret " + purpose))
	return mac.Sum(nil)
}

func (k *keyring) keyDigest(key string) digest   { return k.digest("key ", key) }
func (k *keyring) subjectDigest(s string) digest { return k.digest("subject ", s) }
func (k *keyring) personDigest(who string) digest {
	return k.digest("person ", strings.ToLower(strings.TrimSpace(who)))
}
