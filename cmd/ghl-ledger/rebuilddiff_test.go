package main

import (
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestRebuildDiff: a view that differs from what the ledger says (as one folded
// by a wrong mapping does) is shown beside what a rebuild makes of it, and
// keeps serving until somebody says yes.
func TestRebuildDiff(t *testing.T) {
	p := newProcess(t, nil)
	p.start()
	for _, body := range []string{
		`{"type":"contact.created","data":{"contact_id":"contact_1","first_name":"Ann","email":"ann@example.com"}}`,
		`{"type":"contact.created","data":{"contact_id":"contact_2","first_name":"Bea"}}`,
	} {
		if _, err := p.deliver([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	p.settle()
	if code := p.stop(); code != 0 {
		t.Fatalf("serve ended with %d", code)
	}
	spoilLeads(t, p.data)

	rebuild := []string{"projections", "rebuild", "leads", "--diff", "--data", p.data}
	for range 2 { // discarded, the view is as spoiled as before
		code, out := command(t, append(rebuild, "--dry-run")...)
		t.Logf("projections rebuild leads --diff --dry-run:\n%s", out)
		for _, want := range []string{"1 added, 0 removed, 1 changed of 1", `p.first_name.v: "Eve" → "Ann"`, "contact_2", "discarded"} {
			if code != exitDone || !strings.Contains(out, want) {
				t.Errorf("exit %d, and no %q in the difference", code, want)
			}
		}
	}
	if code, out := command(t, append(rebuild, "--yes")...); code != exitDone || !strings.Contains(out, "leads serves generation 2") {
		t.Errorf("with --yes: exit %d\n%s", code, out)
	}
	if code, out := command(t, append(rebuild, "--dry-run")...); code != exitDone || !strings.Contains(out, "nothing would change") {
		t.Errorf("after the rebuild: exit %d\n%s", code, out)
	}
}

// spoilLeads calls contact_1 another name and loses contact_2.
func spoilLeads(t *testing.T, data string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "views", "leads@*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	db, err := bbolt.Open(files[0], 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		leads := tx.Bucket([]byte("leads"))
		row := strings.ReplaceAll(string(leads.Get([]byte("contact_1"))), `"Ann"`, `"Eve"`)
		if err := leads.Put([]byte("contact_1"), []byte(row)); err != nil {
			return err
		}
		return leads.Delete([]byte("contact_2"))
	})
	if err != nil {
		t.Fatal(err)
	}
}
