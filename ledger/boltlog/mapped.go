package boltlog

import (
	"sync/atomic"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// mostMapped is how many bytes of records are copied out before the pages that
// they lay in are unmapped.
const mostMapped = 32 << 20

// mapped counts the bytes of records copied out of the mapped file. A page that
// was read counts as memory of the process until it is unmapped, so a read of
// the whole ledger would make the process look as large as the file, and be the
// first that the kernel ends when memory is short.
type mapped struct{ bytes atomic.Int64 }

// read counts n bytes, and now and then unmaps what was read.
func (m *mapped) read(tx *bbolt.Tx, n int) {
	if m.bytes.Add(int64(n)) >= mostMapped {
		m.bytes.Store(0)
		unmap(tx)
	}
}

// unmap gives the pages of the file that the process has read back to the
// kernel, which keeps them cached. The mapping itself stays, held in its place
// by tx, and a page that is read again is mapped again.
func unmap(tx *bbolt.Tx) {
	start, size := tx.DB().Info().Data, uintptr(tx.Size())
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED) // where it is refused, nothing changes
}
