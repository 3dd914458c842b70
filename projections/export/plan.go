package export

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

// Plan is an export that can be made: its range is fixed. Close it.
type Plan struct {
	x           *Exporter
	d           dataset
	r           Request
	first, last ledger.Entry // of the range; First.Seq is 0 where it is empty
	past        *projections.Past

	// Progress, where set, is told how much of the ledger was read.
	Progress func(at, total int64)
}

// Plan checks a request and fixes what it covers. What takes long happens here
// for the datasets that are as of a place: the leads are copied, or folded.
// Errors wrap ErrRequest where the request is at fault.
func (x *Exporter) Plan(ctx context.Context, r Request) (*Plan, error) {
	d, ok := datasets[r.Dataset]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: dataset %q: there are %v", ErrRequest, r.Dataset, Datasets())
	case !slices.Contains(Formats, r.Format):
		return nil, fmt.Errorf("%w: format %q: there are %v", ErrRequest, r.Format, Formats)
	case !d.asOf && r.Until != (ulid.ULID{}) && r.Until.Compare(r.After) < 0:
		return nil, fmt.Errorf("%w: the range ends before it begins: until %s is earlier than after %s", ErrRequest, ledger.FormatID(r.Until), ledger.FormatID(r.After))
	}
	p := &Plan{x: x, d: d, r: r, Progress: func(int64, int64) {}}
	if d.asOf {
		p.r.After = ulid.ULID{} // a state is of the whole ledger up to it
	}
	if err := p.bound(ctx); err != nil {
		return nil, err
	}
	if d.lead == nil {
		return p, nil
	}
	var err error
	p.past, err = x.Leads.At(ctx, p.last.Seq, x.Dir)
	return p, err
}

// Close gives back what the plan holds.
func (p *Plan) Close() error {
	if p.past == nil {
		return nil
	}
	return p.past.Close()
}

// Until is the entry that the export ends with.
func (p *Plan) Until() Place { return placeOf(p.last) }

// Next is the id of the first entry after the range; zero where there is none
// yet. Whoever exports day by day goes on there.
func (p *Plan) Next(ctx context.Context) (ulid.ULID, error) {
	for e, err := range p.x.Log.Read(ctx, ledger.Cursor{Seq: p.last.Seq}) {
		return e.ID, err
	}
	return ulid.ULID{}, nil
}

// bound finds the first and the last entry of the range.
func (p *Plan) bound(ctx context.Context) (err error) {
	if p.last, err = lastUntil(ctx, p.x.Log, p.r.Until); err != nil {
		return err
	}
	for e, err := range p.x.Log.Read(ctx, ledger.Cursor{ID: p.r.After}) {
		if err != nil {
			return err
		}
		if e.Seq <= p.last.Seq {
			p.first = e
		}
		break
	}
	return nil
}

// lastUntil is the newest entry whose id is not above until, or that there is;
// the zero entry where there is none.
func lastUntil(ctx context.Context, log ledger.Reader, until ulid.ULID) (ledger.Entry, error) {
	head, err := log.Head(ctx)
	if err != nil || head.Seq == 0 {
		return ledger.Entry{}, err
	}
	seq := head.Seq
	if until != (ulid.ULID{}) && until.Compare(head.ID) < 0 {
		for e, err := range log.Read(ctx, ledger.Cursor{ID: until}) {
			if err != nil {
				return ledger.Entry{}, err
			}
			seq = e.Seq - 1
			break
		}
	}
	if seq == 0 {
		return ledger.Entry{}, nil
	}
	for e, err := range log.Read(ctx, ledger.Cursor{Seq: seq - 1}) {
		return e, err
	}
	return ledger.Entry{}, fmt.Errorf("read entry %d: %w", seq, ledger.ErrNone)
}

// Write writes the export. What it has written when it returns an error is not
// whole.
func (p *Plan) Write(ctx context.Context, w io.Writer) (Summary, error) {
	s := Summary{Dataset: p.r.Dataset, Format: p.r.Format, Personal: personal(p.r.PII), Last: p.Until()}
	if p.last.Seq > 0 {
		s.HeadHash = hexOf(p.last.Hash)
	}
	if p.first.Seq > 0 {
		s.First = placeOf(p.first)
	}
	out := newRows(p, w)
	err := p.d.write(ctx, p, out, &s)
	if err == nil {
		err = out.to.close()
	}
	s.Rows = out.n
	if err != nil {
		return s, fmt.Errorf("export %s: %w", p.r.Dataset, err)
	}
	return s, nil
}

func personal(pii bool) string {
	if pii {
		return "included"
	}
	return "pseudonyms"
}

// about is what a file says of itself: nothing that another export of the same
// range would not say.
func (p *Plan) about() [][2]string {
	return [][2]string{{"dataset", p.r.Dataset}, {"personal_data", personal(p.r.PII)}, {"schema_version", SchemaVersion}}
}

// entries yields the range, and counts what of it was erased.
func (p *Plan) entries(ctx context.Context, s *Summary, yield func(*ledger.Entry) error) error {
	total := int64(p.last.Seq - p.first.Seq + 1)
	for lot, err := range ahead(ctx, p.read) {
		if err != nil {
			return err
		}
		for i := range lot {
			if lot[i].Erased {
				s.Erased++
			}
			if err := yield(&lot[i]); err != nil {
				return err
			}
		}
		if len(lot) > 0 {
			p.Progress(int64(lot[len(lot)-1].Seq-p.first.Seq+1), total)
		}
	}
	return nil
}

// read yields the range.
func (p *Plan) read(ctx context.Context) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		if p.first.Seq == 0 {
			return
		}
		for e, err := range p.x.Log.Read(ctx, ledger.Cursor{ID: p.r.After}) {
			if err == nil && e.Seq > p.last.Seq || !yield(e, err) {
				return
			}
		}
	}
}

// beside has make write rows that are not entries, while what of the range was
// erased is counted; progress is told how much of it.
func (p *Plan) beside(ctx context.Context, s *Summary, progress func(at, total int64), make func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for e, err := range p.read(ctx) {
			if err != nil {
				return err
			}
			if e.Erased {
				s.Erased++
			}
			if e.Seq%1024 == 0 || e.Seq == p.last.Seq {
				progress(int64(e.Seq-p.first.Seq+1), int64(p.last.Seq-p.first.Seq+1))
			}
		}
		return nil
	})
	g.Go(func() error { return make(ctx) })
	return g.Wait()
}
