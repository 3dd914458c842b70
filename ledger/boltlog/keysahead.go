package boltlog

import (
	"crypto/rand"
	"fmt"
)

const (
	slotsMade = 16384 // made at a time, half of them ahead
	maxSlots  = 1 << 28
)

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
	if k.made()-k.used.Load() < slotsMade/2 {
		k.making = true
		go func() { k.extended <- k.extend(slotsMade) }()
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
		err = k.extend(slotsMade)
	}
	return err
}
