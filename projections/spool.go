package projections

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// spool keeps pieces of any size in a file that has no name: however the
// process ends, nothing of it is left. Pieces may be read and written side by
// side.
type spool struct {
	file *os.File
	mu   sync.Mutex
	end  int64             // of all places
	free map[int64][]int64 // places that hold nothing any more, by their room
}

// extent is where a piece stands in a spool. The zero extent is nowhere.
type extent struct{ at, size int64 }

func newSpool(dir string) (*spool, error) {
	f, err := Nameless(dir)
	if err != nil {
		return nil, err
	}
	return &spool{file: f, free: map[int64][]int64{}}, nil
}

// Nameless opens a file in dir that has no name.
func Nameless(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil || !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, unix.EISDIR) {
		return f, err
	}
	if f, err = os.CreateTemp(dir, "spool-*"); err != nil { // of a file system without such files
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *spool) close() error { return s.file.Close() }

// roomFor is how much room is kept for a piece, a power of two: one that grows
// leaves behind it no more room than it has, for others to use. The file is four
// times as large as what is in it at most.
func roomFor(size int64) int64 { return max(256, int64(1)<<bits.Len64(uint64(size))) }

// write writes a piece over the one at old, or elsewhere if there is no room,
// and returns where it is.
func (s *spool) write(old extent, piece []byte) (extent, error) {
	at := s.place(old, int64(len(piece)))
	if _, err := s.file.WriteAt(piece, at.at); err != nil {
		return extent{}, fmt.Errorf("write a temporary file: %w", err)
	}
	return at, nil
}

// place returns where a piece of that size goes that was at old.
func (s *spool) place(old extent, size int64) extent {
	room, had := roomFor(size), roomFor(old.size)
	if old.size > 0 && had == room {
		return extent{old.at, size}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old.size > 0 {
		s.free[had] = append(s.free[had], old.at)
	}
	if free := s.free[room]; len(free) > 0 {
		s.free[room] = free[:len(free)-1]
		return extent{free[len(free)-1], size}
	}
	at := extent{s.end, size}
	s.end += room
	return at
}

// read returns a piece, in memory of its own.
func (s *spool) read(e extent) ([]byte, error) {
	piece := make([]byte, e.size)
	if _, err := s.file.ReadAt(piece, e.at); err != nil {
		return nil, fmt.Errorf("read a temporary file: %w", err)
	}
	return piece, nil
}
