//go:build !linux

package boltlog

import "go.etcd.io/bbolt"

// unmap leaves it to the kernel to take pages back.
func unmap(*bbolt.Tx) {}
