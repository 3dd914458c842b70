package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/export"
)

// into adds every dataset to a folder.
func (o *office) into(dir string, format export.Format) (all []export.Exported) {
	o.t.Helper()
	f, err := export.OpenFolder(dir)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, dataset := range export.Datasets() {
		e, _, err := f.Add(o.t.Context(), export.Local{Exporter: o.x}, export.Request{Dataset: dataset, Format: format})
		if err != nil {
			o.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// tree is what a folder has in it, by path.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFolder: two exports of one range are the same folder; the manifest has
// each file's rows and SHA-256; an export goes on where the last one ended, and
// what it adds is what came since.
func TestFolder(t *testing.T) {
	o := newOffice(t)
	for i := range 6 {
		o.week(fmt.Sprintf("contact_%d", i))
	}
	dir, other := t.TempDir(), t.TempDir()
	o.into(dir, export.JSONL)
	o.into(other, export.JSONL)
	if a, b := tree(t, dir), tree(t, other); len(a) < 10 || !equal(a, b) {
		t.Errorf("two exports of one range differ, or have %d files", len(a))
	}
	for _, e := range o.into(dir, export.JSONL) {
		if e.Last.Seq != 0 {
			t.Errorf("%s: %d rows more, though nothing came", e.Dataset, e.Rows)
		}
	}
	for i := range 4 {
		o.week(fmt.Sprintf("contact_new_%d", i))
	}
	o.into(dir, export.JSONL)
	files := tree(t, dir)
	var m export.Manifest
	if err := json.Unmarshal([]byte(files[export.ManifestFile]), &m); err != nil {
		t.Fatal(err)
	}
	var events strings.Builder
	for _, e := range m.Exports {
		for _, f := range e.Files {
			sum := sha256.Sum256([]byte(files[f.Path]))
			if hex.EncodeToString(sum[:]) != f.SHA256 || int64(strings.Count(files[f.Path], "\n")) != f.Rows || int64(len(files[f.Path])) != f.Bytes {
				t.Errorf("%s is not as the manifest says: %+v", f.Path, f)
			}
			if e.Dataset == "events" {
				events.WriteString(files[f.Path])
			}
		}
	}
	if whole, s := o.export(export.Request{Dataset: "events", Format: export.JSONL}); events.String() != string(whole) || s.Rows != 70 {
		t.Errorf("the folder's events are not the ledger's: %d bytes, want %d", events.Len(), len(whole))
	}
	for name := range files {
		if strings.Contains(name, ".part-") {
			t.Errorf("%s was left", name)
		}
	}
}

func equal(a, b map[string]string) bool {
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return len(a) == len(b)
}

// TestFolderRefuses what would put rows in twice, or two kinds of data in one.
func TestFolderRefuses(t *testing.T) {
	o := newOffice(t)
	first := o.event("contact.created", "c", "")
	o.week("contact_1")
	dir := t.TempDir()
	o.into(dir, export.CSV)
	f, err := export.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []export.Request{
		{Dataset: "events", Format: export.CSV, After: first.ID},
		{Dataset: "events", Format: export.CSV, PII: true},
	} {
		if _, _, err := f.Add(t.Context(), export.Local{Exporter: o.x}, r); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// TestDictionary: it has every column of every dataset, each with its meaning.
func TestDictionary(t *testing.T) {
	var b bytes.Buffer
	if err := export.Dictionary().Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, d := range export.Dictionary().Datasets {
		if len(d.Columns) == 0 || !strings.Contains(b.String(), "## "+d.Name) {
			t.Errorf("%s has no columns, or no table", d.Name)
		}
		for _, c := range d.Columns {
			leaks := []string{"none", "label", "after"}
			if c.About == "" || c.Source == "" || c.Type == "" || !slices.Contains(leaks, c.Leak) || !strings.Contains(b.String(), "| `"+c.Name+"` | ") {
				t.Errorf("%s.%s: %+v", d.Name, c.Name, c)
			}
		}
	}
}

// TestReaders has two readers that are not ours open an export. It needs node,
// and GHL_LEDGER_READERS: the folder where `make readers` has installed them.
func TestReaders(t *testing.T) {
	readers := os.Getenv("GHL_LEDGER_READERS")
	if readers == "" {
		t.Skip("make readers runs this")
	}
	o := newOffice(t)
	for i := range 40 {
		o.week(fmt.Sprintf("contact_%d", i))
	}
	dir, other := filepath.Join(t.TempDir(), "analysis"), t.TempDir()
	o.into(dir, export.Parquet)
	o.into(other, export.Parquet)
	if !equal(tree(t, dir), tree(t, other)) {
		t.Error("two exports of one range differ")
	}
	out, err := exec.Command("node", filepath.Join(readers, "readers.mjs"), dir, "../../README.md").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
