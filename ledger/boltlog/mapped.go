package boltlog

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

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
	// A file that has outgrown its mapping has another, of which bbolt has asked again.
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_NORMAL)
}

// readingAhead opens a bbolt file and has the kernel read ahead in its mapping, then
// and from then on. bbolt asks the kernel not to, but most reads are of many entries,
// and read page by page from the disk a million of them took 22 seconds, not 4. After
// a crash bbolt itself looks at every page, for those that are free, and nobody is
// answered meanwhile. (Another goroutine that reads the file into the cache helps only
// where there is memory for all of it.)
func readingAhead(path string, open func() error) error {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // as the kernel names it
	}
	opened, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		again := time.NewTicker(5 * time.Millisecond) // the mapping comes, and then bbolt's word
		defer again.Stop()
		for {
			select {
			case <-again.C:
				adviseReadAhead(path)
			case <-opened:
				adviseReadAhead(path)
				return
			}
		}
	}()
	defer func() {
		close(opened)
		<-done
	}()
	return open()
}

// adviseReadAhead tells the kernel to read ahead where the file is mapped. Where it
// cannot, reads are slower.
func adviseReadAhead(path string) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		if !strings.HasSuffix(lines.Text(), " "+path) {
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); err == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_NORMAL)
		}
	}
}
