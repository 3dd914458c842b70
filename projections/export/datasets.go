package export

import (
	"context"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// dataset is a kind of rows, and how they are made.
type dataset struct {
	about   string
	columns []Column
	asOf    bool // of the whole ledger up to the end of the range
	write   func(ctx context.Context, p *Plan, out *rows, s *Summary) error
	lead    func(ctx context.Context, p *Plan, out *rows) error
}

var datasets = map[string]dataset{
	"events": ofEntries("Every entry of the ledger.", eventOf),
	"scores": ofEntries("Every score, at the time it was made.", scoreOf),
	"labels": ofEntries("Every deal that was won or lost.", labelOf),
	"leads":  ofLeads("Every lead as of the end of the range.", nil, leadOf),
	"features": ofLeads("What a model may know of every lead, as of the end of the range.",
		featureColumns(), featuresOf),
	"training": ofTraining(),
}

// Datasets are the names of all of them.
func Datasets() []string { return slices.Sorted(maps.Keys(datasets)) }

// Columns are a dataset's, in the order of every format.
func Columns(dataset string) []Column { return datasets[dataset].columns }

// ofEntries is a dataset with at most one row an entry.
func ofEntries[T any](about string, of func(*ledger.Entry, *T) (bool, error)) dataset {
	columns := columnsOf(reflect.TypeFor[T](), nil)
	write := func(ctx context.Context, p *Plan, out *rows, s *Summary) error {
		row := new(T)
		v := reflect.ValueOf(row).Elem()
		return p.entries(ctx, s, func(e *ledger.Entry) error {
			ok, err := of(e, row)
			if err != nil || !ok {
				return err
			}
			return out.put(v, e.Erased)
		})
	}
	return dataset{about: about, columns: columns, write: write}
}

// ofLeads is a dataset with one row a lead.
func ofLeads[T any](about string, more []Column, of func(*projections.Lead, *T) error) dataset {
	columns := columnsOf(reflect.TypeFor[T](), more)
	d := dataset{about: about, columns: columns, asOf: true}
	d.lead = func(ctx context.Context, p *Plan, out *rows) error {
		row := new(T)
		v := reflect.ValueOf(row).Elem()
		return p.past.Each(ctx, func(l projections.Lead) error {
			if err := of(&l, row); err != nil {
				return err
			}
			return out.put(v, false)
		})
	}
	d.write = func(ctx context.Context, p *Plan, out *rows, s *Summary) error {
		return p.beside(ctx, s, p.Progress, func(ctx context.Context) error { return d.lead(ctx, p, out) })
	}
	return d
}

// rows turns rows into cells, hides what is personal, and has them encoded.
type rows struct {
	columns []Column
	cells   []cell
	hide    *pseudonyms
	pii     bool
	to      encoder
	n       int64
}

func newRows(p *Plan, w io.Writer) *rows {
	r := &rows{columns: p.d.columns, cells: make([]cell, len(p.d.columns)), hide: newPseudonyms(p.x.Key), pii: p.r.PII}
	switch p.r.Format {
	case CSV:
		r.to = newTable(w, r.columns)
	case Parquet:
		r.to = newColumnar(w, r.columns, p.about())
	default:
		r.to = newLines(w, r.columns)
	}
	return r
}

// put writes a row. One of an erased entry names nobody, whatever is asked for.
func (r *rows) put(row reflect.Value, erased bool) error {
	cells(r.columns, row, r.cells)
	if !r.pii || erased {
		r.hide.mask(r.columns, r.cells)
	}
	r.n++
	return r.to.encode(r.cells)
}
