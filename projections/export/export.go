// Package export reads the ledger out for analysts: six datasets in three
// formats, streamed.
//
//	events    every entry, without a gap
//	scores    every lead.scored
//	labels    every deal that was won or lost, and when that was known
//	leads     every lead as of the end of the range
//	features  what a model may know of each, as of the same
//	training  what a model learns from: features as they were, and the result
//
// The same range of the ledger gives the same bytes, whenever and however often
// it is asked for, until an erasure in it: nothing here reads the clock, and
// what comes later in the ledger changes nothing before it. Ids, e-mail
// addresses and phone numbers are pseudonyms, names and texts are left out,
// unless personal data are asked for.
//
// The ledger is read by pages: a reader that is slow, or stops, delays nobody
// and costs no memory. On disk there is nothing but, while leads are exported, a
// copy of their view that has no name. The key of the pseudonyms follows from
// the ledger's key file: a restored ledger gives everybody the pseudonym that
// they had, and what was exported before still joins.
package export

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
)

// SchemaVersion names the columns of every dataset: it is raised when one
// changes or goes.
const SchemaVersion = "1"

// Format is how rows are written.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// Formats are all of them.
var Formats = []Format{JSONL, CSV, Parquet}

// MediaType is the format's.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/x-ndjson"
}

// ErrRequest is what cannot be exported because of how it was asked for.
var ErrRequest = errors.New("cannot export that")

// Request says what to export. After and Until are places by their id alone,
// which any ULID is.
type Request struct {
	Dataset string
	Format  Format
	After   ulid.ULID // excluded; zero is the beginning
	Until   ulid.ULID // included; zero is the newest entry
	PII     bool      // personal data as they are
}

// Place is an entry by both of its names; the zero Place is before the first.
type Place struct {
	Seq ledger.Seq `json:"seq"`
	ID  string     `json:"id"`
}

func placeOf(e ledger.Entry) Place { return Place{Seq: e.Seq, ID: ledger.FormatID(e.ID)} }

// Summary is what an export had in it.
type Summary struct {
	Dataset  string `json:"dataset"`
	Format   Format `json:"format"`
	Personal string `json:"personal_data"` // pseudonyms, or included
	First    Place  `json:"first"`         // entry of the range
	Last     Place  `json:"last"`
	HeadHash string `json:"head_hash"` // of the last entry, chained over all before
	Rows     int64  `json:"rows"`
	Erased   int64  `json:"erased"` // entries of the range whose bodies were destroyed
}

// Past gives the leads as they were after one entry.
type Past interface {
	At(ctx context.Context, until ledger.Seq, dir string) (*projections.Past, error)
}

// Exporter exports. Its methods are safe for concurrent use.
type Exporter struct {
	Log   ledger.Reader
	Leads Past
	Key   []byte // of the pseudonyms
	Dir   string // where copies of the leads view are made
}

// copies is the folder of the data directory where leads are copied. What an
// earlier life left in it, cut off while it copied, is removed at the start.
const copies = "exports"

// Log is a ledger with a secret of its own, as boltlog's is.
type Log interface {
	ledger.Reader
	Secret(purpose string) []byte
}

// New returns an exporter for the data directory that log is in, which nobody
// else has open.
func New(dataDir string, log Log, leads Past) (*Exporter, error) {
	dir := filepath.Join(dataDir, copies)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return nil, err
	}
	return &Exporter{Log: log, Leads: leads, Key: log.Secret(purpose), Dir: dir}, nil
}
