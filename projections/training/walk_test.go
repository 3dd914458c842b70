package training_test

import (
	"os"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// What rows are collected in has no name at any time, so nothing is left of it
// where the process is killed, which no erasure would reach.
func TestNothingIsLeftOfRows(t *testing.T) {
	d, dir := newDiary(t), t.TempDir()
	named := func() {
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("in the directory: %v, %v", list, err)
		}
	}
	d.on(0, "contact.created", "c1", `,"first_name":"Ann"`)
	d.on(1, "message.received", "c1", `,"message_id":"m1","channel":"sms","content":"Could I see it?"`)
	reading := meaning
	asked, n := 0, 0
	reading.Text = func(text string) scoring.Text {
		asked++
		named()
		return scoring.ReadText(text)
	}
	s := training.Source{Log: d.log, Dir: dir, Meaning: reading, Card: scoring.BuiltIn()}
	err := s.Each(t.Context(), func(_, _ ledger.Seq) {}, func(training.Sample) error {
		n++
		named()
		return nil
	})
	if err != nil || n != 1 || asked != 1 {
		t.Errorf("%d rows, %d texts, %v", n, asked, err)
	}
	named()
}
