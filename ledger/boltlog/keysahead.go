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
// used up. It returns the error of the time before. Only the writer calls it.
func (k *keyring) tend() error {
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

// await ends when no keys are being made. Only the writer calls it.
func (k *keyring) await() error {
	if !k.making {
		return nil
	}
	k.making = false
	return <-k.extended
}

// reach returns when there is such a slot. Only the writer calls it.
func (k *keyring) reach(slot uint64) error {
	err := k.await()
	for err == nil && slot >= k.made() {
		err = k.extend(slotsMade)
	}
	if err != nil {
		return fmt.Errorf("make keys: %w", err)
	}
	return nil
}
