package ghl_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func TestSample(t *testing.T) {
	for _, d := range []ghl.Dialect{ghl.Seed, ghl.Flat, ghl.Workflow} {
		for _, typ := range ghl.SampleTypes() {
			body := ghl.SampleOf(typ, d, ghl.SampleValues{At: now, Contact: `c"1`, Location: "loc", App: "app"})
			hint := map[bool]string{true: string(typ)}[d == ghl.Workflow]
			ev, err := ghl.ParseEvent(body, hint)
			if err != nil {
				t.Errorf("sample of %s in %s: %v\n%s", typ, d, err, body)
				continue
			}
			matched := ev.ContactID == `c"1` || ev.Address == "elena.marsh@example.com"
			if ev.Type != typ || ev.Dialect != d || !matched || !ev.Time.Equal(now) {
				t.Errorf("sample of %s in %s is %s in %s for %q at %v", typ, d, ev.Type, ev.Dialect, ev.ContactID, ev.Time)
			}
			if d == ghl.Flat && (ev.LocationID != "loc" || ev.AppID != "app" || ev.ID == "") {
				t.Errorf("sample of %s in %s: location %q, app %q, id %q", typ, d, ev.LocationID, ev.AppID, ev.ID)
			}
			if later := ghl.Sample(typ, d, now.Add(time.Second), `c"1`); bytes.Equal(later, body) {
				t.Errorf("sample of %s in %s is the same a second later", typ, d)
			}
			if bytes.Contains(body, []byte("{{")) {
				t.Errorf("sample of %s in %s is not filled:\n%s", typ, d, body)
			}
		}
	}
	if body := ghl.Sample("lead.scored", ghl.Seed, now, "c"); body != nil {
		t.Errorf("sample of an unknown type = %s, want nil", body)
	}
}
