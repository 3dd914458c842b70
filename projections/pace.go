package projections

import (
	"context"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// pace has a build rest where others work: whoever appends to the ledger needs
// the processor and the disk that a build would have for itself. It takes half
// of the time then, and all of it while nothing comes.
type pace struct {
	head ledger.Seq // of the ledger, before the batch
	at   time.Time
}

func (v *view) setOut() pace { return pace{v.head(), time.Now()} }

// rest waits after a batch of n entries. It does not where nothing came while
// they were folded, nor where so much came that a build which rests would never
// reach the head: as many come while it rests.
func (p *pace) rest(ctx context.Context, v *view, n int) error {
	came := v.head() - p.head
	if came == 0 || 2*came >= ledger.Seq(n) {
		*p = v.setOut()
		return nil
	}
	select {
	case <-time.After(time.Since(p.at)):
		*p = v.setOut()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
