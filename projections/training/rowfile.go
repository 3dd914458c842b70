package training

import (
	"bufio"
	"encoding/gob"
	"io"
	"os"

	"github.com/enterprisehub/ghl-ledger/projections"
)

// rowFile keeps rows until they are labelled, in a file that has no name:
// however the process ends, nothing of it is left.
type rowFile struct {
	file   *os.File
	buffer *bufio.Writer
	gob    *gob.Encoder
}

func newRowFile(dir string) (*rowFile, error) {
	f, err := projections.Nameless(dir)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	return &rowFile{f, w, gob.NewEncoder(w)}, nil
}

func (f *rowFile) put(r Sample) error { return f.gob.Encode(r) }

// each yields what was put, in that order.
func (f *rowFile) each(yield func(Sample) error) error {
	if err := f.buffer.Flush(); err != nil {
		return err
	}
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for rows := gob.NewDecoder(bufio.NewReaderSize(f.file, 1<<16)); ; {
		var r Sample
		switch err := rows.Decode(&r); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		if err := yield(r); err != nil {
			return err
		}
	}
}

func (f *rowFile) close() error { return f.file.Close() }
