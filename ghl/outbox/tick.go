package outbox

import (
	"context"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// fansOut reports whether an entry is answered for every lead.
func fansOut(e ledger.Entry) bool { return e.Kind == ClockTicked }

// fanOut answers an entry for every lead.
func (p *Planner) fanOut(ctx context.Context, e ledger.Entry) error {
	return p.append(ctx, e.Seq, nil)
}
