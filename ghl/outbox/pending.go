package outbox

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// Pending folds requests and receipts: what is owed, and what came of it. It
// is also the planner's place and memory, so neither has a file to lose.
//
// Buckets of its view:
//
//	effects   effect id                   → record as JSON
//	states    state, 0, effect id         → nothing
//	contacts  contact, effect id          → nothing
//	causes    cause id, effect id         → nothing
//	queue     contact, lane, effect id    → location; of pending effects only
//	counts    state                       → how many
//	holds     location, 0, call           → why nothing of it is sent
//	paused    location, or empty for all  → since when, as seq
//	sent      location, 0, time, effect id → nothing; messages attempted, for the cap
//	calls     location, 0, day            → how many calls it made; the newest day only
//	gone      contact                     → since when GoHighLevel has it no more, in nanoseconds
//	deals     opportunity                 → deal as JSON
//	answered  contact                     → time of the last automatic answer
//	skipped   event                       → nothing; it could not be planned yet
//	facts     place, restored, ticked     → seq, entry id, time
//
// A contact is preceded by its length, so no contact's keys are a prefix of
// another's.
type Pending struct{}

var _ projections.Projection = Pending{}

// pendingName names the view.
const pendingName = "pending"

// Name implements projections.Projection.
func (Pending) Name() string { return pendingName }

// Version implements projections.Projection.
func (Pending) Version() int { return 4 }

// Apply implements projections.Projection.
func (Pending) Apply(view *bbolt.Tx, e ledger.Entry) error {
	apply, ok := folds[e.Kind]
	if !ok && e.Meta.Through == 0 {
		return nil
	}
	b, err := open(view)
	if err != nil {
		return err
	}
	if err := b.advance(e.Meta.Through); err != nil || !ok {
		return err
	}
	if err := apply(b, e); err != nil {
		return fmt.Errorf("fold %s: %w", e.Kind, err)
	}
	return nil
}

// folds has what each kind does to the view. What is not here does nothing.
var folds = map[string]func(*buckets, ledger.Entry) error{
	Requested:      (*buckets).requested,
	Attempted:      receipt((*record).attempted),
	Delivered:      receipt((*record).delivered),
	Failed:         receipt((*record).failed),
	Dead:           receipt((*record).dead),
	Retried:        receipt((*record).retried),
	Discarded:      receipt((*record).discarded),
	Superseded:     receipt((*record).superseded),
	Held:           held,
	Released:       released,
	SenderPaused:   (*buckets).pause,
	SenderResumed:  (*buckets).resume,
	LedgerRestored: (*buckets).restored,

	PlannerAdvanced:           (*buckets).advanced,
	ClockTicked:               (*buckets).ticked,
	projections.KindForgotten: (*buckets).forget,

	string(ghl.ContactCreated): (*buckets).back,
	string(ghl.ContactUpdated): (*buckets).back,

	string(ghl.OpportunityCreated): (*buckets).deal,
	string(ghl.OpportunityUpdated): (*buckets).deal,
	string(ghl.OpportunityWon):     (*buckets).deal,
	string(ghl.OpportunityLost):    (*buckets).deal,
}

// advance moves the planner's place, which never goes back.
func (b *buckets) advance(through ledger.Seq) error {
	if through <= b.place() {
		return nil
	}
	return b.facts.Put(placeKey, binary.BigEndian.AppendUint64(nil, uint64(through)))
}

func (b *buckets) place() ledger.Seq {
	if v := b.facts.Get(placeKey); v != nil {
		return ledger.Seq(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (b *buckets) requested(e ledger.Entry) error {
	r := &record{id: e.ID, Last: e.ID, Effect: Effect{
		ID: ledger.FormatID(e.ID), ContactID: e.Subject, LocationID: e.Location, Cause: ledger.FormatID(e.Cause),
		State: StatePending, RequestedAt: e.Recorded, Seq: uint64(e.Seq),
	}}
	if err := r.read(e); err != nil {
		return err
	}
	if r.State == StatePending && r.Call != CallFields && b.isRestored(e) {
		r.hold(reasonRestored)
	}
	if err := b.remember(e, r); err != nil {
		return err
	}
	return b.add(r, e.Cause)
}

// read takes the request out of e. An erased one is never sent.
func (r *record) read(e ledger.Entry) error {
	if e.Erased {
		r.State, r.Error = StateDiscarded, reasonErased
		return nil
	}
	req := new(Request)
	if err := json.Unmarshal(e.Body, req); err != nil {
		return err
	}
	r.Request, r.Kind, r.Call = req, req.Kind, req.Call()
	if req.DryRun {
		r.State = StateDryRun
	}
	return nil
}

// remember keeps when a contact was last answered automatically.
func (b *buckets) remember(e ledger.Entry, r *record) error {
	if r.Request == nil || r.Request.Sequence != AutoResponse || e.Subject == "" {
		return nil
	}
	at, err := e.Recorded.MarshalBinary()
	if err != nil {
		return err
	}
	return b.answered.Put([]byte(e.Subject), at)
}

func (b *buckets) ticked(e ledger.Entry) error {
	at, err := e.Occurred.MarshalBinary()
	if err != nil {
		return err
	}
	return b.facts.Put(tickedKey, at)
}

// receipt folds an entry that answers a request into its record.
func receipt(change func(*record, ledger.Entry, Receipt)) func(*buckets, ledger.Entry) error {
	return func(b *buckets, e ledger.Entry) error {
		r, err := b.get(e.Cause)
		if err != nil || r == nil || r.State == StateDelivered {
			return err // what is done stays done, whatever a person clicked meanwhile
		}
		var body Receipt
		if !e.Erased && len(e.Body) > 0 {
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
		}
		if r.Tried && isAct(e.Kind, body) {
			// It went while somebody clicked. To begin anew would forget that, and
			// a stop before the answer would send it a second time.
			return nil
		}
		change(r, e, body)
		r.Last = e.ID
		return b.settle(e, r, body)
	}
}

// isAct reports whether an entry about an effect is a person's.
func isAct(kind string, body Receipt) bool {
	return kind == Retried || kind == Released || kind == Discarded && body.By != ""
}

// settle keeps what follows from a receipt beside its record.
func (b *buckets) settle(e ledger.Entry, r *record, body Receipt) error {
	if e.Kind == Attempted && r.Call != CallTask {
		if err := b.countSent(e.Location, e.Recorded, r.id); err != nil {
			return err
		}
	}
	if body.Attempt > 0 && e.Kind != Attempted {
		if err := b.countCall(e); err != nil {
			return err
		}
	}
	if body.Gone && e.Subject != "" {
		since := binary.BigEndian.AppendUint64(nil, uint64(e.Recorded.UnixNano()))
		if err := b.gone.Put([]byte(e.Subject), since); err != nil {
			return err
		}
	}
	if e.Kind == Retried && e.Subject != "" {
		if err := b.gone.Delete([]byte(e.Subject)); err != nil {
			return err
		}
	}
	return b.put(r)
}

// back notes that GoHighLevel tells of a contact that it had no more: by an
// event of later, for those of before may come late.
func (b *buckets) back(e ledger.Entry) error {
	since := b.gone.Get([]byte(e.Subject))
	if e.Subject == "" || since == nil || e.Occurred.UnixNano() <= int64(binary.BigEndian.Uint64(since)) {
		return nil
	}
	return b.gone.Delete([]byte(e.Subject))
}

func held(b *buckets, e ledger.Entry) error {
	if e.Cause == (ulid.ULID{}) {
		return b.holdLocation(e)
	}
	return receipt((*record).held)(b, e)
}

func released(b *buckets, e ledger.Entry) error {
	if e.Cause == (ulid.ULID{}) {
		return b.releaseLocation(e)
	}
	return receipt((*record).released)(b, e)
}
