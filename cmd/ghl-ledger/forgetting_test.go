package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestForget: after it nothing personal of the contact is in any file of the
// data directory nor in any export, its entries say erased, and verify finds the ledger sound.
func TestForget(t *testing.T) {
	p := newProcess(t, nil)
	p.start()
	personal := []string{"Zephyrine", "Quillfeather", "zephyrine.q@example.com", "+1-555-867-5309", "I want the lake house on Heron Lane"}
	for _, body := range []string{
		`{"type":"contact.created","data":{"contact_id":"contact_z","first_name":"Zephyrine","last_name":"Quillfeather","email":"zephyrine.q@example.com","phone":"+1-555-867-5309"}}`,
		`{"type":"message.received","data":{"contact_id":"contact_z","message_id":"m1","channel":"sms","content":"I want the lake house on Heron Lane"}}`,
		`{"type":"opportunity.created","data":{"contact_id":"contact_z","opportunity_id":"o1","name":"Heron Lane - Buyer","value":500000}}`,
		`{"type":"contact.created","data":{"contact_id":"contact_other","first_name":"Stays","email":"stays@example.com"}}`,
		`{"type":"contact.created","data":{"contact_id":7,"email":"zephyrine.q@example.com"}}`, // the quarantine has the address too
	} {
		if _, err := p.deliver([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	p.settle()
	if found := p.search("Stays"); len(found) == 0 {
		t.Fatal("the search finds nothing at all: not even the view of a contact that stays")
	}
	var answer map[string]any
	if status := p.do(http.MethodPost, "/api/v1/leads/contact_z/forget", nil, &answer); status != http.StatusOK {
		t.Fatalf("forget: %d %v", status, answer)
	}
	var left struct {
		Name, Email, Status string
	}
	if status := p.get("/api/v1/leads/contact_z", &left); status != http.StatusOK || left.Name != "" || left.Email != "" || left.Status != "deleted" {
		t.Errorf("of the forgotten lead is left %d %+v", status, left)
	}
	for _, e := range list[struct {
		Kind   string `json:"kind"`
		Erased bool   `json:"erased"`
	}](p, "/api/v1/events?contact_id=contact_z") {
		if !e.Erased && e.Kind != "planner.advanced" {
			t.Errorf("%s of the forgotten contact is not erased", e.Kind)
		}
	}
	if code := p.stop(); code != 0 {
		t.Errorf("serve ended with %d", code)
	}
	exported := exports(t, p.data)
	if !strings.Contains(exported, "stays@example.com") {
		t.Error("the exports do not show the contact that stays")
	}
	for _, text := range personal {
		if strings.Contains(exported, text) {
			t.Errorf("%q is in an export", text)
		}
		for _, file := range p.search(text) {
			t.Errorf("%q is still in %s", text, file)
		}
	}
	if code, out := command(t, "verify", "--data", p.data); code != exitDone {
		t.Errorf("verify: %d\n%s", code, out)
	}
}

// exports is every dataset of a stopped service's ledger, personal data and all.
func exports(t *testing.T, data string) (all string) {
	t.Helper()
	for _, dataset := range []string{"events", "leads", "features", "labels", "scores", "training"} {
		out := filepath.Join(t.TempDir(), dataset+".jsonl")
		if code, said := command(t, "export", "--dataset", dataset, "--pii", "--data", data, "--out", out); code != exitDone {
			t.Errorf("export of %s: %d\n%s", dataset, code, said)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Error(err)
		}
		t.Logf("export of %s: %d bytes", dataset, len(b))
		all += string(b)
	}
	return all
}

// search returns the files of the data directory that contain text.
func (p *process) search(text string) (files []string) {
	p.t.Helper()
	err := filepath.WalkDir(p.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}
