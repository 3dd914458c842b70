package learning_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// The card file is compared with what it was: a change of it is an entry, a
// faulty one changes nothing, and what a person decided stays until the file
// changes again.
func TestCardFile(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		path := filepath.Join(o.dir, learning.CardFile)
		hotter := func(hot string) string {
			return strings.Replace(string(scoring.DefaultCardJSON()), `"hot": 65`, `"hot": `+hot, 1)
		}
		steps := []struct {
			name, file string // the file; "-" removes it
			fault      string
			entries    int
		}{
			{"none", "-", "", 0},
			{"the card that is built in", string(scoring.DefaultCardJSON()), "", 0},
			{"another", hotter("70"), "", 2},
			{"the same again", hotter("70"), "", 2},
			{"laid out otherwise", strings.ReplaceAll(hotter("70"), "\n", "\n\n"), "", 2},
			{"one with two faults", strings.Replace(hotter("20"), `"format": 1`, `"format": 9`, 1), "tiers", 2},
			{"cut off", hotter("75")[:200], "unexpected EOF", 2},
			{"mended", hotter("75"), "", 4},
			{"removed", "-", "", 6},
		}
		for _, s := range steps {
			if s.file == "-" {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(path, []byte(s.file), 0o600); err != nil {
				t.Fatal(err)
			}
			before := o.inForce()
			err := o.loop.TakeCard(t.Context(), o.dir)
			if (err != nil) != (s.fault != "") || !strings.Contains(o.loop.Warning(), s.fault) || (o.loop.Warning() != "") != (s.fault != "") {
				t.Errorf("%s: %v, warning %q; want %q", s.name, err, o.loop.Warning(), s.fault)
			}
			if s.fault != "" && o.inForce() != before {
				t.Errorf("%s: %s is in force, want %s", s.name, o.inForce(), before)
			}
			if kinds := o.kinds(); len(kinds) != s.entries {
				t.Errorf("%s: entries %v, want %d", s.name, kinds, s.entries)
			}
		}
		if o.inForce() != scoring.BuiltIn().ID() || len(o.alerts) != 2 || !strings.Contains(o.alerts[0], "format") || !strings.Contains(o.alerts[0], "tiers") {
			t.Errorf("in force %s, alerts %q", o.inForce(), o.alerts)
		}
		if err := o.loop.RollBack(t.Context(), o.inForce(), learning.Word{By: projections.ByPerson, Reason: "the hot one was right"}); err != nil {
			t.Fatal(err)
		}
		rolled := o.inForce()
		o.reopen()
		if err := o.loop.TakeCard(t.Context(), o.dir); err != nil || o.inForce() != rolled {
			t.Errorf("after a restart %s is in force, %v; want %s", o.inForce(), err, rolled)
		}
	})
}
