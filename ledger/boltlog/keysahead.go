package boltlog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
)

// Keys are made a quarter of the file at a time, since whoever flushes holds up
// the commits of others on the same disk; when half of them are left, more are.
const (
	minMade  = 1 << 14
	maxMade  = 1 << 18
	maxSlots = 1 << 30 // 32 GiB, which are mapped, whether they are there or not
)

// portion is how many keys are made next.
func (k *keyring) portion() int { return int(min(max(k.made()/4, minMade), maxMade)) }

// newRandom returns a stream of random bytes: AES-256 in counter mode, under a
// key of the kernel's that nobody else ever has. For the kernel to make all of
// them takes many times as long.
func newRandom() (cipher.Stream, error) {
	var seed [32 + aes.BlockSize]byte
	rand.Read(seed[:])
	block, err := aes.NewCipher(seed[:32])
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, seed[32:]), nil
}

// extend makes keys for so many more slots and flushes them.
func (k *keyring) extend(n int) error {
	made := k.made()
	if made+uint64(n) > maxSlots {
		return fmt.Errorf("the key file is full with %d slots", made)
	}
	random, err := newRandom()
	if err != nil {
		return err
	}
	keys := make([]byte, min(n, minMade)*slotSize)
	for at := 0; at < n; at += len(keys) / slotSize {
		keys = keys[:min(len(keys), (n-at)*slotSize)]
		clear(keys)
		random.XORKeyStream(keys, keys)
		if _, err := k.file.WriteAt(keys, int64((made+uint64(at))*slotSize)); err != nil {
			return err
		}
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	k.slots.Store(made + uint64(n))
	return nil
}

// tend has more keys made, beside the writer, when half of those ahead are
// used up. It returns the error of the time before.
func (k *keyring) tend() error {
	if !k.ahead.TryLock() {
		return nil // somebody makes them
	}
	defer k.ahead.Unlock()
	if k.making {
		select {
		case err := <-k.extended:
			k.making = false
			return err
		default:
			return nil
		}
	}
	if k.made()-k.used.Load() < uint64(k.portion()/2) {
		k.making = true
		go func() { k.extended <- k.extend(k.portion()) }()
	}
	return nil
}

// await ends when no keys are being made.
func (k *keyring) await() error {
	k.ahead.Lock()
	defer k.ahead.Unlock()
	return k.finish()
}

// finish ends when no keys are being made. The caller holds ahead.
func (k *keyring) finish() error {
	if !k.making {
		return nil
	}
	k.making = false
	return <-k.extended
}

// next gives out a slot. Only one at a time may call it.
func (k *keyring) next() (slot uint64, err error) {
	for {
		slot = k.used.Load() + 1
		if slot >= k.made() {
			if err := k.reach(slot); err != nil {
				return 0, err
			}
		}
		k.used.Store(slot)
		// A power cut while keys were made leaves zeros, which seal nothing.
		if !k.destroyed(slot) {
			return slot, nil
		}
	}
}

// reach returns when there is such a slot.
func (k *keyring) reach(slot uint64) error {
	k.ahead.Lock()
	defer k.ahead.Unlock()
	err := k.finish()
	for err == nil && slot >= k.made() {
		err = k.extend(k.portion())
	}
	return err
}
