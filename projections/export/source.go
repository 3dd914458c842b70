package export

import (
	"context"
	"errors"
	"io"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// Source is where a Folder has its data from: a ledger, or a service that has
// it open.
type Source interface {
	// Head is the newest entry's id; zero where there is none.
	Head(ctx context.Context) (ulid.ULID, error)
	// Next is the id of the first entry after a place; zero where there is none.
	Next(ctx context.Context, after ulid.ULID) (ulid.ULID, error)
	// Export writes what is asked for, whole, or returns an error.
	Export(ctx context.Context, r Request, w io.Writer) (Summary, error)
}

// Local is an Exporter as a Source.
type Local struct {
	*Exporter
	Progress func(at, total int64) // may be nil
}

var _ Source = Local{}

// Head implements Source.
func (l Local) Head(ctx context.Context) (ulid.ULID, error) {
	c, err := l.Log.Head(ctx)
	return c.ID, err
}

// Next implements Source.
func (l Local) Next(ctx context.Context, after ulid.ULID) (ulid.ULID, error) {
	for e, err := range l.Log.Read(ctx, ledger.Cursor{ID: after}) {
		return e.ID, err
	}
	return ulid.ULID{}, nil
}

// Export implements Source.
func (l Local) Export(ctx context.Context, r Request, w io.Writer) (s Summary, err error) {
	plan, err := l.Plan(ctx, r)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if l.Progress != nil {
		plan.Progress = l.Progress
	}
	return plan.Write(ctx, w)
}
