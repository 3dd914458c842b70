package export

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/oklog/ulid/v2"
)

// ManifestFile is the name of a folder's manifest. It is written last: a file
// that it does not name is of an export that was cut, and the next one writes
// it anew.
const ManifestFile = "manifest.json"

// Manifest says what a folder has in it. It names no time of its own, so two
// exports of one range are the same folder.
type Manifest struct {
	Format        int        `json:"format"`
	SchemaVersion string     `json:"schema_version"`
	FeatureSet    string     `json:"feature_set"`
	Personal      string     `json:"personal_data"`
	Exports       []Exported `json:"exports"` // in the order in which they were made
}

// Exported is one export into the folder.
type Exported struct {
	Summary
	Files []File `json:"files"`
}

// File is one file of an export.
type File struct {
	Path   string `json:"path"` // from the folder, with slashes
	Day    string `json:"day"`  // UTC, by the entries' ids
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	First  Place  `json:"first"`
	Last   Place  `json:"last"`
	Erased int64  `json:"erased"`
}

// Folder is a folder of exports:
//
//	manifest.json, dictionary.json, dictionary.md
//	<dataset>/day=2026-01-31/<seq of its first entry>.<format>
//
// The datasets that are as of a place have one file an export, named by the
// seq of that place.
type Folder struct {
	Dir      string
	manifest Manifest
}

// OpenFolder makes the folder, or reads the manifest of the one that is there.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{Dir: dir, manifest: Manifest{Format: 1, SchemaVersion: SchemaVersion, FeatureSet: scoring.FeatureSet, Exports: []Exported{}}}
	b, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f, os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &f.manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if m := f.manifest; m.SchemaVersion != SchemaVersion || m.FeatureSet != scoring.FeatureSet {
		return nil, fmt.Errorf("%s has schema %s and features %s, this is %s and %s: export into a new folder", dir, m.SchemaVersion, m.FeatureSet, SchemaVersion, scoring.FeatureSet)
	}
	return f, nil
}

// Manifest returns what the folder has in it.
func (f *Folder) Manifest() Manifest { return f.manifest }

// Ended is where the last export of that dataset and format ended; zero where
// there was none.
func (f *Folder) Ended(dataset string, format Format) (ulid.ULID, error) {
	for i := len(f.manifest.Exports) - 1; i >= 0; i-- {
		if e := f.manifest.Exports[i]; e.Dataset == dataset && e.Format == format {
			return ledger.ParseID(e.Last.ID)
		}
	}
	return ulid.ULID{}, nil
}

// Add exports into the folder: from where the last export ended where r names
// no place, up to the newest entry where it names none. When it returns, the
// files and the manifest that names them are durable. Where nothing is new it
// adds nothing, and returns false.
func (f *Folder) Add(ctx context.Context, from Source, r Request) (Exported, bool, error) {
	r, err := f.bounds(ctx, from, r)
	if err != nil {
		return Exported{}, false, err
	}
	e, err := f.export(ctx, from, r)
	if err != nil || e.Last.Seq == 0 {
		return e, false, err
	}
	f.manifest.Personal = e.Personal
	f.manifest.Exports = append(f.manifest.Exports, e)
	return e, true, f.save()
}

// bounds completes r, and refuses what would put a row into the folder twice.
func (f *Folder) bounds(ctx context.Context, from Source, r Request) (Request, error) {
	if had := f.manifest.Personal; had != "" && had != personal(r.PII) {
		return r, fmt.Errorf("%w: %s has personal data: %s; export into another folder", ErrRequest, f.Dir, had)
	}
	ended, err := f.Ended(r.Dataset, r.Format)
	if err != nil {
		return r, err
	}
	switch {
	case r.After == (ulid.ULID{}):
		r.After = ended
	case r.After.Compare(ended) < 0:
		return r, fmt.Errorf("%w: %s has %s up to %s already: leave --after out to go on there, or export into a new folder", ErrRequest, f.Dir, r.Dataset, ledger.FormatID(ended))
	}
	if r.Until == (ulid.ULID{}) {
		r.Until, err = from.Head(ctx)
	}
	return r, err
}

// export writes one file a day, or one for all.
func (f *Folder) export(ctx context.Context, from Source, r Request) (Exported, error) {
	e := Exported{Files: []File{}}
	for {
		next, err := from.Next(ctx, r.After)
		if err != nil || next == (ulid.ULID{}) || next.Compare(r.Until) > 0 {
			return e, err
		}
		part := r
		if edge := lastOf(next); !datasets[r.Dataset].asOf && edge.Compare(r.Until) < 0 {
			part.Until = edge
		}
		file, s, err := f.write(ctx, from, part)
		if err != nil {
			return e, err
		}
		e.add(file, s)
		r.After = part.Until
	}
}

// add counts a file in.
func (e *Exported) add(file File, s Summary) {
	first, rows, erased := e.First, e.Rows, e.Erased
	e.Summary = s
	if first.Seq > 0 {
		e.First = first
	}
	e.Rows, e.Erased = rows+s.Rows, erased+s.Erased
	if file.Rows > 0 {
		e.Files = append(e.Files, file)
	}
}

// lastOf is the largest id of an id's UTC day. Ids only grow, so a day that has
// ended gets no more entries, whatever the clock does.
func lastOf(id ulid.ULID) ulid.ULID {
	day := ulid.Time(id.Time()).UTC().Truncate(24 * time.Hour)
	edge := ulid.ULID{}
	for i := range edge {
		edge[i] = 0xff
	}
	_ = edge.SetTime(ulid.Timestamp(day.Add(24*time.Hour)) - 1) // only fails past the year 10889
	return edge
}

// write writes one file under another name until it is whole and on the disk.
func (f *Folder) write(ctx context.Context, from Source, r Request) (file File, s Summary, err error) {
	if err := os.MkdirAll(filepath.Join(f.Dir, r.Dataset), 0o700); err != nil {
		return file, s, err
	}
	sum := sha256.New()
	size := &counter{}
	temp, err := os.CreateTemp(filepath.Join(f.Dir, r.Dataset), ".part-*")
	if err != nil {
		return file, s, err
	}
	defer os.Remove(temp.Name()) // it has its name by then, or is not whole
	w := bufio.NewWriterSize(io.MultiWriter(temp, sum, size), 256<<10)
	s, err = from.Export(ctx, r, w)
	if err = errors.Join(err, w.Flush(), temp.Sync(), temp.Close()); err != nil || s.Rows == 0 {
		return file, s, err
	}
	file = File{Path: pathOf(r, s), Day: dayOf(s), Rows: s.Rows, Bytes: size.n, SHA256: hex.EncodeToString(sum.Sum(nil)), First: s.First, Last: s.Last, Erased: s.Erased}
	to := filepath.Join(f.Dir, filepath.FromSlash(file.Path))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return file, s, err
	}
	if err := os.Rename(temp.Name(), to); err != nil {
		return file, s, err
	}
	return file, s, syncDir(filepath.Dir(to))
}

func dayOf(s Summary) string {
	id, err := ledger.ParseID(s.Last.ID)
	if err != nil {
		return ""
	}
	return ulid.Time(id.Time()).UTC().Format(time.DateOnly)
}

// pathOf names a file by where it begins, so that an export that was cut and is
// made again leaves no file of the first try behind.
func pathOf(r Request, s Summary) string {
	seq := s.First.Seq
	if datasets[r.Dataset].asOf {
		seq = s.Last.Seq
	}
	return path.Join(r.Dataset, "day="+dayOf(s), fmt.Sprintf("%012d.%s", seq, r.Format))
}

// counter counts bytes.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// save writes the dictionary and then the manifest.
func (f *Folder) save() error {
	d := Dictionary()
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{{"dictionary.json", d.JSON}, {"dictionary.md", d.Markdown}, {ManifestFile, func(w io.Writer) error { return indented(w, f.manifest) }}} {
		var b bytes.Buffer
		if err := file.write(&b); err != nil {
			return err
		}
		if err := writeOnce(filepath.Join(f.Dir, file.name), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// writeOnce writes a file that is there whole or not at all.
func writeOnce(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
