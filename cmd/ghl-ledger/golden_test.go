package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// TestGoldenProjects folds the ledger of format 1 (see boltlog's TestGolden):
// what it says of its leads is the same for ever.
func TestGoldenProjects(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ledger.db", "ledger.keys", "ledger.head"} {
		b, err := os.ReadFile(filepath.Join("../../testdata/ledger/v1", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := boltlog.Open(dir, boltlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := foldedLeads(t, l)
	if len(got) != 1 { // the other was forgotten
		t.Errorf("%d leads, want 1", len(got))
	}
	ada := got["contact_1"]
	if ada.FirstName != "Ada" || ada.LastName != "Müller" || ada.Email != "ada@example.com" || ada.Phone != "+1 555 0100" ||
		ada.Status != "sold" || ada.Engagement.MessagesIn != 1 {
		t.Errorf("the lead of the golden ledger: %+v", ada)
	}
}

func foldedLeads(t *testing.T, log ledger.Reader) map[string]projections.Lead {
	t.Helper()
	runner, err := projections.NewRunner(t.TempDir(), log, projections.Options{}, projections.NewLeads(meaning))
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	defer func() { stop(); <-ended }()
	head, err := log.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	view := projections.LeadsView{Runner: runner, Meaning: meaning}
	if err := view.Wait(ctx, head.Seq); err != nil {
		t.Fatal(err)
	}
	if parked, err := runner.Parked(projections.LeadsName); err != nil || len(parked) > 0 {
		t.Errorf("parked: %+v, %v", parked, err)
	}
	leads, _, err := view.List(projections.LeadFilter{})
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]projections.Lead{}
	for _, lead := range leads {
		byID[lead.ContactID] = lead
	}
	return byID
}
