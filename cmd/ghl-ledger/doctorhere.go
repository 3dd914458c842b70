package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// examineSettings says what serve would say of the configuration.
func (c *Config) examineSettings() (list []finding) {
	if err := c.check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			list = append(list, fail("settings", strings.TrimSpace(line), "`ghl-ledger init` writes a good .env"))
		}
	} else {
		list = append(list, ok("settings", "complete"))
	}
	for _, w := range c.warnings() {
		found, do, _ := strings.Cut(w, ": ")
		list = append(list, warn("settings", found, do))
	}
	if c.BackupDir == "" {
		list = append(list, warn("backups", "none are made on a schedule", "set LEDGER_BACKUP_DIR and LEDGER_BACKUP_EVERY, on another disk"))
	}
	if len(c.AlertURL) == 0 {
		list = append(list, warn("alerts", "nobody is told of dead letters and faults", "set LEDGER_ALERT_URL"))
	}
	return list
}

// examineKeys says which senders can be verified.
func (c *Config) examineKeys() finding {
	k, err := c.keys()
	if err != nil {
		return fail("keys", err.Error(), "correct it; until then serve does not start")
	}
	var by []string
	for _, s := range []struct {
		n    int
		name string
	}{{len(k.Secrets), "shared secret (gateway)"}, {len(k.PublicKeys), "GoHighLevel's public key (marketplace app)"}, {len(k.Tokens), "token (workflow)"}} {
		if s.n > 0 {
			by = append(by, fmt.Sprintf("%d × %s", s.n, s.name))
		}
	}
	if len(by) == 0 {
		return fail("keys", "no sender can be verified", "set GHL_WEBHOOK_SECRET, GHL_APP_ID or GHL_WORKFLOW_TOKEN")
	}
	return ok("keys", "senders are verified by %s", and(by))
}

// examineData looks at the data directory and the disk below it.
func (c *Config) examineData() []finding {
	info, err := os.Stat(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(filepath.Clean(c.DataDir))
		if err := unix.Access(parent, unix.W_OK); err != nil {
			return []finding{fail("data directory", fmt.Sprintf("%s is not there, and %s: %v", c.DataDir, parent, err), "create it for the user that runs serve, mode 0700, or set LEDGER_DATA_DIR")}
		}
		return append([]finding{skip("data directory", c.DataDir+" is not there yet", "serve creates it")}, c.examineDisk(parent)...)
	}
	switch {
	case err != nil:
		return []finding{fail("data directory", err.Error(), "set LEDGER_DATA_DIR to one that this user may use")}
	case !info.IsDir():
		return []finding{fail("data directory", c.DataDir+" is a file", "set LEDGER_DATA_DIR to a directory")}
	case unix.Access(c.DataDir, unix.W_OK) != nil:
		return []finding{fail("data directory", c.DataDir+" cannot be written", "run this as the user that runs serve, or give the directory to it: chown")}
	}
	list := []finding{ok("data directory", "%s", c.DataDir)}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		list[0] = warn("data directory", fmt.Sprintf("%s has mode %#o: others can read personal data", c.DataDir, mode), "chmod 700 "+c.DataDir)
	}
	return append(list, c.examineDisk(c.DataDir)...)
}

// filesystems that keep a promise less than a disk does, by their number.
var filesystems = map[int64]struct{ name, trouble, do string }{
	unix.TMPFS_MAGIC:           {"tmpfs", "what is in it is gone at the next start of the machine", "put LEDGER_DATA_DIR on a disk"},
	unix.RAMFS_MAGIC:           {"ramfs", "what is in it is gone at the next start of the machine", "put LEDGER_DATA_DIR on a disk"},
	unix.OVERLAYFS_SUPER_MAGIC: {"overlayfs", "a container's own layer is gone with the container", "mount a volume at LEDGER_DATA_DIR"},
	unix.NFS_SUPER_MAGIC:       {"NFS", "its locks and flushes depend on the server", "put LEDGER_DATA_DIR on a local disk"},
	unix.FUSE_SUPER_MAGIC:      {"FUSE", "its flushes depend on the program behind it", "put LEDGER_DATA_DIR on a local disk"},
}

func (c *Config) examineDisk(dir string) (list []finding) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return []finding{fail("disk", fmt.Sprintf("%s: %v", dir, err), "look at the mount")}
	}
	free := Size(int64(st.Bavail) * st.Bsize)
	switch text := fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30)); {
	case free < c.MinFreeDisk:
		list = append(list, fail("disk", text+", less than LEDGER_MIN_FREE_DISK ("+c.MinFreeDisk.String()+"): webhooks are answered 429", "make room, or lower LEDGER_MIN_FREE_DISK"))
	case free < 4*c.MinFreeDisk:
		list = append(list, warn("disk", text, "make room: below LEDGER_MIN_FREE_DISK ("+c.MinFreeDisk.String()+") no webhooks are taken"))
	default:
		list = append(list, ok("disk", "%s", text))
	}
	if f, bad := filesystems[int64(st.Type)]; bad {
		list = append(list, warn("filesystem", f.name+": "+f.trouble, f.do))
	}
	return append(list, examineFlush(dir))
}

// examineFlush measures what each webhook waits for.
func examineFlush(dir string) finding {
	took, err := flushTime(dir, 20)
	switch text := fmt.Sprintf("a flush takes %s; a webhook waits for two", took.Round(time.Microsecond)); {
	case err != nil:
		return fail("flush", err.Error(), "look at the disk and at who may write there")
	case took > 50*time.Millisecond:
		return warn("flush", text, "GoHighLevel waits some seconds; a disk with flushes below 10 ms is better")
	case took < 20*time.Microsecond:
		return warn("flush", text+": no disk is so fast", "make sure that this storage honours flushes, or a power cut loses what was acknowledged")
	default:
		return ok("flush", "%s", text)
	}
}

// flushTime is the median time of a small write and its flush in dir.
func flushTime(dir string, n int) (median time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4096)
	var all []time.Duration
	for range n {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("flush %s: %w", f.Name(), err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[n/2], nil
}
