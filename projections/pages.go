package projections

import (
	"bytes"
	"os"
	"strconv"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// pages keeps small what one who reads all over a file maps of it.
type pages struct{ others int64 } // mapped by others, or by us before there was anything to give back

// mostPages is how many bytes may be mapped before they are given back, and
// lookEvery after how many entries to look: with each page that is read the
// kernel maps its neighbours, so a few entries about as many leads map megabytes.
const (
	mostPages = 48 << 20
	lookEvery = 32
)

// giveBack unmaps the file of tx if too much of files is mapped. Where that
// cannot be told it always does.
func (p *pages) giveBack(tx *bbolt.Tx) {
	if p.others == 0 {
		p.others, _ = mappedFiles()
	}
	if now, ok := mappedFiles(); ok && now-p.others < mostPages {
		return
	}
	unmap(tx)
	p.others, _ = mappedFiles()
}

// mappedFiles is how many bytes of mapped files count as memory of the process.
func mappedFiles() (n int64, ok bool) {
	raw, err := os.ReadFile("/proc/self/statm") // size, resident, shared, … in pages
	fields := bytes.Fields(raw)
	if err != nil || len(fields) < 3 {
		return 0, false
	}
	n, err = strconv.ParseInt(string(fields[2]), 10, 64)
	return n * int64(os.Getpagesize()), err == nil
}

// unmap gives the pages of the file that the process has read back to the
// kernel, which keeps them cached: all of a walk would count as memory of the
// process. The mapping itself stays, held in its place by tx, and a page that
// is read again is mapped again.
func unmap(tx *bbolt.Tx) {
	start, size := tx.DB().Info().Data, uintptr(tx.Size())
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED) // where it is refused, nothing changes
}
