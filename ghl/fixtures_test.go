package ghl_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// fixture is a delivery in testdata/webhooks. Its name is dialect.type~variant:
// the type that the sender wrote, or that the path named for a workflow.
type fixture struct {
	name, dialect, typ string
	body               []byte
}

func fixtures(t testing.TB) []fixture {
	t.Helper()
	files, err := filepath.Glob("../testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var all []fixture
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		base, _, _ := strings.Cut(name, "~")
		dialect, typ, _ := strings.Cut(base, ".")
		all = append(all, fixture{name, dialect, typ, body})
	}
	return all
}

// hint is the type in the path of f's request.
func (f fixture) hint() string {
	if f.dialect == string(ghl.Workflow) {
		return f.typ
	}
	return ""
}

// meaning is what the fixtures that are not named after their meaning become.
// A fixture that is neither here nor named after a type is unknown.
var meaning = map[string]ghl.Type{
	"ghl.ContactCreate": ghl.ContactCreated, "ghl.ContactCreate~sparse": ghl.ContactCreated,
	"ghl.ContactCreate~documented": ghl.ContactCreated, "guide.ContactCreate": ghl.ContactCreated,
	"ghl.ContactUpdate": ghl.ContactUpdated, "ghl.ContactTagUpdate": ghl.ContactUpdated,
	"ghl.ContactDndUpdate": ghl.ContactUpdated, "ghl.ContactDndUpdate~one-channel": ghl.ContactUpdated,
	"ghl.ContactDelete": ghl.ContactDeleted,

	"ghl.OpportunityCreate": ghl.OpportunityCreated, "ghl.OpportunityUpdate": ghl.OpportunityUpdated,
	"ghl.OpportunityUpdate~bare": ghl.OpportunityUpdated, "ghl.OpportunityStageUpdate": ghl.OpportunityUpdated,
	"ghl.OpportunityMonetaryValueUpdate": ghl.OpportunityUpdated, "ghl.OpportunityAssignedToUpdate": ghl.OpportunityUpdated,
	"ghl.OpportunityStatusUpdate": ghl.OpportunityUpdated, "ghl.OpportunityStatusUpdate~won": ghl.OpportunityWon,
	"ghl.OpportunityStatusUpdate~lost": ghl.OpportunityLost, "ghl.OpportunityStatusUpdate~abandoned": ghl.OpportunityLost,
	"guide.OpportunityStatusUpdate~lost": ghl.OpportunityLost, "ghl.OpportunityDelete": ghl.OpportunityDeleted,

	"ghl.AppointmentCreate": ghl.AppointmentScheduled, "ghl.AppointmentCreate~video": ghl.AppointmentScheduled,
	"ghl.AppointmentUpdate": ghl.AppointmentScheduled, "ghl.AppointmentUpdate~moved": ghl.AppointmentScheduled,
	"ghl.AppointmentUpdate~rescheduled": ghl.AppointmentScheduled, "guide.AppointmentCreate": ghl.AppointmentScheduled,
	"ghl.AppointmentUpdate~showed": ghl.AppointmentCompleted, "ghl.AppointmentUpdate~noshow": ghl.AppointmentMissed,
	"ghl.AppointmentUpdate~called-create": ghl.AppointmentMissed, "ghl.AppointmentUpdate~cancelled": ghl.AppointmentCancelled,
	"ghl.AppointmentUpdate~invalid": ghl.AppointmentCancelled, "ghl.AppointmentDelete": ghl.AppointmentCancelled,
	"ghl.AppointmentDelete~called-create": ghl.AppointmentCancelled,

	"ghl.InboundMessage": ghl.MessageReceived, "ghl.InboundMessage~email": ghl.MessageReceived,
	"ghl.InboundMessage~voicemail": ghl.MessageReceived, "ghl.InboundMessage~call": ghl.MessageReceived,
	"ghl.InboundMessage~custom-provider": ghl.MessageReceived, "ghl.InboundMessage~facebook": ghl.MessageReceived,
	"ghl.InboundMessage~livechat": ghl.MessageReceived, "ghl.InboundMessage~whatsapp": ghl.MessageReceived,
	"guide.InboundMessage": ghl.MessageReceived,
	"ghl.OutboundMessage":  ghl.MessageSent, "ghl.OutboundMessage~email": ghl.MessageSent,
	"ghl.OutboundMessage~call": ghl.MessageSent, "ghl.OutboundMessage~voicemail": ghl.MessageSent,
	"ghl.OutboundMessage~failed": ghl.MessageSent, "ghl.ProviderOutboundMessage": ghl.MessageSent,
	"ghl.ProviderOutboundMessage~email": ghl.MessageSent,

	"ghl.LCEmailStats~opened": ghl.CampaignOpened, "ghl.LCEmailStats~no-timestamp": ghl.CampaignOpened,
	"ghl.LCEmailStats~clicked": ghl.CampaignClicked,

	"workflow~custom-type": ghl.ContactCreated, "workflow.anything~custom-type": ghl.ContactUpdated,
}

var handled = append(slices.Clone(ghl.SeedTypes), ghl.OpportunityDeleted, ghl.AppointmentCancelled)

func TestFixtures(t *testing.T) {
	var got bytes.Buffer
	seen := map[ghl.Type]bool{}
	for _, f := range fixtures(t) {
		ev, err := ghl.ParseEvent(f.body, f.hint())
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		want, ok := meaning[f.name]
		if !ok && slices.Contains(handled, ghl.Type(f.typ)) {
			want = ghl.Type(f.typ)
		}
		if want != "" && ev.Type != want || want == "" && ev.Type.Known() || string(ev.Dialect) != f.dialect {
			t.Errorf("%s is %s in dialect %s, want %s", f.name, ev.Type, ev.Dialect, want)
		}
		seen[ev.Type] = true
		fmt.Fprintf(&got, "== %s\n%s\n", f.name, dump(t, ev))
	}
	for _, typ := range handled {
		if !seen[typ] {
			t.Errorf("no fixture of %s", typ)
		}
	}
	golden(t, "testdata/events.golden", got.Bytes())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

// dump writes what an event says, leaving out what it does not say.
func dump(t *testing.T, ev ghl.Event) string {
	t.Helper()
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(prune(v)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func prune(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, member := range object {
		switch member {
		case nil, "", 0.0, false, "0001-01-01T00:00:00Z":
			if name != "DND" && name != "Value" || member == nil {
				delete(object, name)
			}
			continue
		}
		object[name] = prune(member)
	}
	return object
}
