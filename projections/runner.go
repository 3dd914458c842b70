package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// Options of a Runner; the zero value is good.
type Options struct {
	Now    func() time.Time // for status and progress, never for a fold; default time.Now
	Logger *slog.Logger     // default slog.Default
	Batch  int              // entries folded in one transaction; default 256
}

// Errors that a caller may test.
var (
	ErrUnknown    = errors.New("no such projection")
	ErrRebuilding = errors.New("a rebuild is under way already")
	ErrNoPreview  = errors.New("nothing is built that waits for a word")
	ErrNotReady   = errors.New("it is still being built")
	ErrNoPrevious = errors.New("no earlier generation of this version to go back to")
)

// Runner keeps views: one follower a projection folds the ledger into its
// files. All methods are safe for concurrent use.
type Runner struct {
	dir   string
	log   ledger.Reader
	o     Options
	views []*view
	ended chan struct{} // closed when Run returns
	end   sync.Once
}

// NewRunner opens the views in dir, which it makes. A view that cannot be read,
// that a power cut may have torn, that an earlier process did not survive to open,
// or whose cursor names an entry that the ledger does not have is discarded, and
// Run makes it anew.
func NewRunner(dir string, log ledger.Reader, o Options, ps ...Projection) (*Runner, error) {
	r := &Runner{dir: dir, log: log, o: o.withDefaults(), ended: make(chan struct{})}
	discarded, left, err := claim(dir)
	if err != nil {
		return nil, fmt.Errorf("views in %s: %w", dir, err)
	}
	if discarded > 0 {
		r.o.Logger.Warn("views discarded after an unclean stop of the machine", "files", discarded)
	}
	harmful, err := discardOpening(dir)
	if err != nil {
		return nil, fmt.Errorf("views in %s: %w", dir, err)
	}
	if harmful != "" {
		r.o.Logger.Warn("view discarded: the process ended while it was opened", "file", harmful)
	}
	building := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	for _, p := range ps {
		v, err := openView(r.dir, r.log, r.o, p, building, left)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("projection %s: %w", p.Name(), err), r.Close())
		}
		r.views = append(r.views, v)
	}
	return r, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	return o
}

// Run follows the ledger until ctx ends, then returns nil, or until the ledger
// is closed under it.
func (r *Runner) Run(ctx context.Context) error {
	defer r.end.Do(func() { close(r.ended) })
	group, running := errgroup.WithContext(ctx)
	for _, v := range r.views {
		group.Go(func() error { return v.live(running) })
		group.Go(func() error { return v.build(running) })
		group.Go(func() error { return v.mend(running) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Close flushes and closes the files, and removes a damaged one, which the next start
// makes anew. Run must have returned.
func (r *Runner) Close() error {
	var errs []error
	for _, v := range r.views {
		errs = append(errs, v.close())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := release(r.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Runner) view(name string) (*view, error) {
	for _, v := range r.views {
		if v.p.Name() == name {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknown, name)
}

// View runs f on the generation that serves. What tx yields must be copied
// before f returns, and f must be short: it holds pages that cannot be reused.
func (r *Runner) View(name string, f func(tx *bbolt.Tx) error) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.read(f)
}

// Wait returns once the view that serves has folded the entry at seq (or parked
// it); with an older version serving meanwhile, once the new one has.
func (r *Runner) Wait(ctx context.Context, name string, seq ledger.Seq) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.await(ctx, seq)
}

// Sync returns once the view that serves has folded what the ledger has now.
func (r *Runner) Sync(ctx context.Context, name string) error {
	head, err := r.log.Head(ctx)
	if err != nil {
		return err
	}
	return r.Wait(ctx, name, head.Seq)
}

// Rebuild starts a new generation beside the one that serves. It takes over by
// itself at the head; Status tells how far it is. A restart goes on with it.
func (r *Runner) Rebuild(name string) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.rebuild(false)
}

// Rollback brings the generation before the last take-over back: it catches up
// and takes over. The one that served until then can be rolled back to.
func (r *Runner) Rollback(name string) error {
	v, err := r.view(name)
	if err != nil {
		return err
	}
	return v.rollback()
}

// Parked lists the entries that the serving view has set aside, oldest first.
func (r *Runner) Parked(name string) (list []Parked, err error) {
	err = r.View(name, func(tx *bbolt.Tx) error {
		list, err = parkedIn(tx)
		return err
	})
	return list, err
}

// Status returns where every view stands.
func (r *Runner) Status() []Status {
	list := make([]Status, 0, len(r.views))
	for _, v := range r.views {
		list = append(list, v.status())
	}
	return list
}
