package training

import (
	"bufio"
	"encoding/gob"
	"errors"
	"io"
	"os"
)

// spool keeps rows until they are labelled, in a file that has no name: however
// the process ends, nothing of it is left.
type spool struct {
	file   *os.File
	buffer *bufio.Writer
	gob    *gob.Encoder
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "rows-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &spool{file: f, buffer: bufio.NewWriterSize(f, 1<<16)}
	s.gob = gob.NewEncoder(s.buffer)
	return s, nil
}

func (s *spool) put(r Sample) error { return s.gob.Encode(r) }

// each yields what was put, in that order.
func (s *spool) each(yield func(Sample) error) error {
	if err := s.buffer.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for rows := gob.NewDecoder(bufio.NewReaderSize(s.file, 1<<16)); ; {
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

func (s *spool) close() error { return s.file.Close() }
