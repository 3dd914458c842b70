package boltlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// The head witness is 64 bytes that say how far the ledger had come. It is
// written after each commit, without a flush of its own, so it is never ahead
// of the ledger. A ledger behind its witness has lost entries: a meta page
// was damaged and bbolt fell back to the one before.
//
//	at  size  what
//	 0     4  "head"
//	 4    16  the ledger's id
//	20     8  seq of the head, big endian
//	28    32  its hash
//	60     4  CRC-32C of all before it
const witnessSize = 64

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type witness struct {
	seq  ledger.Seq
	hash [32]byte
}

func (w witness) encode(id [16]byte) []byte {
	b := append(make([]byte, 0, witnessSize), "head"...)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.seq))
	b = append(b, w.hash[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseWitness(b []byte, id [16]byte) (w witness, err error) {
	switch {
	case len(b) != witnessSize || string(b[:4]) != "head":
		return w, fmt.Errorf("%w: the head witness is none", ledger.ErrCorrupt)
	case binary.BigEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli):
		return w, fmt.Errorf("%w: the head witness does not match its checksum", ledger.ErrCorrupt)
	case [16]byte(b[4:20]) != id:
		return w, fmt.Errorf("%w: the head witness is another ledger's", ledger.ErrCorrupt)
	}
	w.seq = ledger.Seq(binary.BigEndian.Uint64(b[20:]))
	w.hash = [32]byte(b[28:60])
	return w, nil
}

func writeWitness(path string, id [16]byte, w witness) error {
	return newFile(path, func(f *os.File) error {
		_, err := f.Write(w.encode(id))
		return err
	})
}

// openWitness returns the open file and what it says.
func openWitness(path string, id [16]byte) (*os.File, witness, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, witness{}, err
	}
	b := make([]byte, witnessSize+1)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) { // a short read is no witness; a failed one says nothing of it
		return nil, witness{}, errors.Join(err, f.Close())
	}
	w, err := parseWitness(b[:n], id)
	if err != nil {
		return nil, w, errors.Join(err, f.Close())
	}
	return f, w, nil
}
