package projections

import (
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// unmap gives the pages of the file that the process has read back to the
// kernel, which keeps them cached: all that is read would count as memory of the
// process. The mapping itself stays, held in its place by tx, and a page that
// is read again is mapped again.
func unmap(tx *bbolt.Tx) {
	start, size := tx.DB().Info().Data, uintptr(tx.Size())
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED) // where it is refused, nothing changes
}
