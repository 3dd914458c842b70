package boltlog

import (
	"errors"
	"io"
	"os"
)

// readAhead reads a file by large blocks and keeps the last few. The pages of
// the tree stand nearly in the order of its keys, so each block is read about
// once, and the disk reads as fast as it can.
type readAhead struct {
	file   *os.File
	blocks [16]block
	next   int
}

type block struct {
	at    int64
	bytes []byte
}

const blockSize = 256 << 10

// ReadAt implements io.ReaderAt.
func (a *readAhead) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		b, err := a.block((at + int64(n)) / blockSize * blockSize)
		if err != nil {
			return n, err
		}
		from := int(at + int64(n) - b.at)
		if from >= len(b.bytes) {
			return n, io.EOF
		}
		n += copy(p[n:], b.bytes[from:])
	}
	return n, nil
}

func (a *readAhead) block(at int64) (block, error) {
	for _, b := range a.blocks {
		if b.at == at && b.bytes != nil {
			return b, nil
		}
	}
	b := &a.blocks[a.next]
	a.next = (a.next + 1) % len(a.blocks)
	if b.bytes == nil {
		b.bytes = make([]byte, blockSize)
	}
	n, err := a.file.ReadAt(b.bytes[:blockSize], at)
	*b = block{at, b.bytes[:n]}
	if err != nil && !errors.Is(err, io.EOF) {
		return *b, err
	}
	return *b, nil
}
