package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.etcd.io/bbolt"
)

// command runs the program in a folder of its own and returns its exit code
// and what it printed.
func command(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = run(t.Context(), args, nil, strings.NewReader(""), &b, &b)
	return code, b.String()
}

// someLedger makes a stopped ledger of three entries.
func someLedger(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	l, err := boltlog.Open(dir, boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logtest.Append(t, l, logtest.Draft("1"), logtest.Draft("2"), logtest.Draft("3"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// flip changes one byte of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeNewer has an entry say that it is of the next format.
func makeNewer(t *testing.T, dir string, seq byte) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "ledger.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte{0, 0, 0, 0, 0, 0, 0, seq}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("entries"))
		stored := append([]byte{ledger.Version + 1}, b.Get(key)[1:]...)
		end := len(stored) - 4
		binary.BigEndian.PutUint32(stored[end:], crc32.Checksum(stored[:end], crc32.MakeTable(crc32.Castagnoli)))
		return b.Put(key, stored)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyCommand(t *testing.T) {
	sound, damaged := someLedger(t), someLedger(t)
	b, err := os.ReadFile(filepath.Join(damaged, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(damaged, "ledger.db"), bytes.LastIndex(b, []byte("contact of 2")))
	newer := someLedger(t)
	makeNewer(t, newer, 2)
	open := someLedger(t)
	l, err := boltlog.Open(open, boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	keyless := someLedger(t)
	if err := os.Remove(filepath.Join(keyless, "ledger.keys")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--data", sound}, exitDone, "sound: 3 entries"},
		{[]string{"--data", sound, "--output", "json"}, exitDone, `"sound": true`},
		{[]string{"--data", damaged}, exitNo, "entry 2: its checksum does not match"},
		{[]string{"--data", damaged, "--output", "json"}, exitNo, `"sound_upto": 1`},
		{[]string{"--data", damaged, "--output", "json"}, exitNo, `"what": "its checksum does not match"`},
		{[]string{"--data", keyless}, exitNo, "ledger.keys is not there: without it no body can be read"},
		{[]string{"--data", keyless}, exitNo, "NOT SOUND, though each of 3 entries is as it was written"},
		{[]string{"--data", keyless}, exitNo, "not looked into: 3 bodies, which are sealed; their checksum, place, chain and key were checked"},
		{[]string{"--data", keyless}, exitNo, "put a copy of its key file beside it as ledger.keys"},
		{[]string{"--data", keyless, "--output", "json"}, exitNo, `"unopened": 3`},
		{[]string{"--data", newer}, exitNo, "entry 2: ledger: written by a newer release: format 2"},
		{[]string{"--data", newer}, exitNo, "verify with it, and restore nothing"},
		{[]string{"--data", newer, "--output", "json"}, exitNo, `"newer": 1`},
		{[]string{"--data", t.TempDir()}, exitUsage, "no ledger in"},
		{[]string{"--data", filepath.Join(sound, "ledger.db")}, exitUsage, "is a file: --data names the directory of a stopped service; a backup is verified by `ghl-ledger restore"},
		{[]string{"--data", open}, exitUsage, "another process has it open"},
		{[]string{"--ledger-data-dir", open, "--ledger-url", "http://127.0.0.1:1", "--ledger-admin-token", testToken}, exitUsage, "reach the service"},
	} {
		code, out := command(t, append([]string{"verify"}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("verify %v: exit %d, want %d, saying %q:\n%s", test.args, code, test.code, test.says, out)
		}
	}
}

// TestVerifyRunningProgress: while the service looks at its ledger, the one who
// asked sees how far it is.
func TestVerifyRunningProgress(t *testing.T) {
	seen := make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("verify") != "true" {
			_, _ = io.WriteString(w, `{"storage":{"verifying":{"seq":2000,"of":5000}}}`)
			return
		}
		<-seen
		_, _ = io.WriteString(w, `{"verified":{"sound":true,"entries":5000}}`)
	}))
	defer service.Close()
	c := verifyCmd{remote: remote{URL: service.URL, Token: testToken}}
	var once sync.Once
	got, err := c.ask(t.Context(), func(at, total int64) {
		if at != 2000 || total != 5000 {
			t.Errorf("told %d of %d", at, total)
		}
		once.Do(func() { close(seen) })
	})
	if err != nil || !got.Sound || got.Entries != 5000 {
		t.Errorf("ask: %+v, %v", got, err)
	}
}
