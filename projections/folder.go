package projections

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// file names one generation of one view: <name>@<version>.<generation>.db.
type file struct {
	name                string
	version, generation int
}

func (f file) String() string { return fmt.Sprintf("%s@%d.%d.db", f.name, f.version, f.generation) }

func parseFile(s string) (file, bool) {
	name, rest, ok := strings.Cut(s, "@")
	version, generation, ok2 := strings.Cut(strings.TrimSuffix(rest, ".db"), ".")
	if !ok || !ok2 || !strings.HasSuffix(s, ".db") {
		return file{}, false
	}
	v, err := strconv.Atoi(version)
	g, err2 := strconv.Atoi(generation)
	return file{name, v, g}, err == nil && err2 == nil
}

// filesOf returns the files of a view in dir, newest generation first.
func filesOf(dir, name string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		if f, ok := parseFile(e.Name()); ok && f.name == name {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b file) int { return b.generation - a.generation })
	return files, nil
}

// marker is the file that stands in the folder while its views are written. It
// holds the id of the boot that writes them.
const marker = ".written-by-boot"

// claim makes dir ready to be written. Views are written without flushes, which
// a dead process survives (the kernel still has the pages) and a dead kernel
// does not: bbolt's own check would pass a file of which half the pages reached
// the disk. So views that another boot left unfinished are discarded, and made
// anew from the ledger. It returns how many files that were, and whether a process of
// this boot left some.
func claim(dir string) (discarded int, left bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, false, err
	}
	boot := bootID()
	by, err := os.ReadFile(filepath.Join(dir, marker))
	switch {
	case err == nil && boot != "" && string(by) == boot:
		return 0, true, nil
	case err == nil:
		if discarded, err = discardAll(dir); err != nil {
			return discarded, false, err
		}
	case !os.IsNotExist(err):
		return 0, false, err
	}
	return discarded, false, writeMarker(dir, boot)
}

// release has every view in dir, which are all closed, on the disk, and says
// so: those too that an earlier process left, or that were replaced meanwhile.
// It is the one place where views are flushed: the ledger's own flushes would
// wait behind it.
func release(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := parseFile(e.Name()); !ok {
			continue
		}
		if err := flush(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := flush(dir); err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, marker))
}

func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// opening is the file in the folder that names the view which is being opened.
const opening = ".opening"

// noteOpening keeps f's name until done, while it is opened and first read: a damaged
// page can end the process then, by a fault, without end, or by a panic in a goroutine
// of bbolt, which looks at all pages of a view that was not closed. Without room for
// the note there is none.
func noteOpening(dir string, f file) (done func()) {
	path := filepath.Join(dir, opening)
	_ = os.WriteFile(path, []byte(f.String()), 0o600)
	return func() { _ = os.Remove(path) } // left behind, it has one view made anew
}

// discardOpening removes the view that an earlier process did not survive to open,
// so that it ends one start and not each. It returns its name, or none.
func discardOpening(dir string) (name string, err error) {
	path := filepath.Join(dir, opening)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if f, ok := parseFile(filepath.Base(string(b))); ok { // cut off, it names none
		name = f.String()
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return name, os.Remove(path)
}

func discardAll(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		if _, ok := parseFile(e.Name()); !ok {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// writeMarker is durable on return: a marker that a power cut takes away would
// let a torn view pass for a clean one.
func writeMarker(dir, boot string) error {
	f, err := os.OpenFile(filepath.Join(dir, marker), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(boot); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return flush(dir)
}

// bootID names this boot of the machine; empty where the system has no such
// name, which counts as another boot.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
