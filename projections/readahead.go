package projections

import (
	"context"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// texts is what texts mean, worked out ahead.
type texts map[string]scoring.Text

// readBatch is entries, the events in them, and what their texts mean.
type readBatch struct {
	entries []ledger.Entry
	events  []*ghl.Event // beside entries; nil where there is none, or it cannot be read
	texts   texts
}

// Bounds of a batch.
const (
	readEntries = 512
	readBytes   = 8 << 20
)

// readAhead reads the ledger, and the texts in it, beside whoever folds what
// it yields. After the last batch failed has the reader's error, or nil; it
// does so, too, once ctx ends.
func readAhead(ctx context.Context, log ledger.Reader, m Meaning) (batches <-chan readBatch, failed <-chan error) {
	out, end := make(chan readBatch, 1), make(chan error, 1)
	go func() {
		err := readBatches(ctx, log, m, out)
		close(out)
		end <- err
	}()
	return out, end
}

func readBatches(ctx context.Context, log ledger.Reader, m Meaning, out chan<- readBatch) error {
	b, bytes := readBatch{texts: texts{}}, 0
	send := func() error {
		select {
		case out <- b:
			b, bytes = readBatch{texts: texts{}}, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for e, err := range log.Read(ctx, ledger.Cursor{}) {
		if err != nil {
			return err
		}
		b.entries, b.events = append(b.entries, e), append(b.events, b.texts.read(m, e))
		if bytes += len(e.Body); len(b.entries) < readEntries && bytes < readBytes {
			continue
		}
		if err := send(); err != nil {
			return err
		}
	}
	return send()
}

// read returns the event in an entry, and notes what the texts in it mean that
// the fold of leads asks for. What it misses the fold reads itself.
func (t texts) read(m Meaning, e ledger.Entry) (ev *ghl.Event) {
	if e.Erased || isOwn(e.Kind) {
		return nil
	}
	defer func() {
		if recover() != nil {
			ev = nil // the fold meets it again, and passes over the entry
		}
	}()
	read, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	switch {
	case err != nil:
		return nil
	case read.Message != nil && read.Type == ghl.MessageReceived && read.Message.Content != "":
		t.note(m, plainText(read.Message))
	case read.Appointment != nil && deref(read.Appointment.Feedback) != "":
		t.note(m, *read.Appointment.Feedback)
	}
	return &read
}

func (t texts) note(m Meaning, text string) {
	if _, known := t[text]; !known {
		t[text] = m.Text(text)
	}
}

// recalling is m, but what is in known is not read again.
func (m Meaning) recalling(known *texts) Meaning {
	read := m.Text
	m.Text = func(text string) scoring.Text {
		if said, ok := (*known)[text]; ok {
			return said
		}
		return read(text)
	}
	return m
}
