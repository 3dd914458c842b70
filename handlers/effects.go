package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
	"github.com/oklog/ulid/v2"
)

// effects lists what is owed to GoHighLevel and what came of it; with
// group=error, the effects of a state by kind and error.
func (a *api) effects(r *http.Request, _ httprouter.Params) (any, error) {
	if a.Effects.Views == nil {
		return nil, &notConfigured
	}
	q := r.URL.Query()
	if err := known(q, "state", "contact_id", "location_id", "kind", "error", "group", "after", "limit"); err != nil {
		return nil, err
	}
	f, err := effectFilterOf(q)
	if err != nil {
		return nil, err
	}
	if q.Get("group") != "" {
		groups, err := a.Effects.Groups(f.State)
		return listOf(groups, ""), err
	}
	effects, next, err := a.Effects.List(f)
	return listOf(effects, ledger.FormatID(next)), err
}

func effectFilterOf(q url.Values) (f outbox.Filter, err error) {
	f = outbox.Filter{State: outbox.EffectState(q.Get("state")), ContactID: q.Get("contact_id"),
		Location: q.Get("location_id"), Kind: q.Get("kind"), Error: q.Get("error")}
	if err := oneOf(q, "state", "pending", "delivered", "dead", "held", "dry_run", "superseded", "discarded"); err != nil {
		return f, err
	}
	if err := oneOf(q, "group", "error"); err != nil {
		return f, err
	}
	if f.Limit, err = limitOf(q); err != nil {
		return f, err
	}
	after, err := afterOf(q)
	f.After = after.ID
	return f, err
}

// effect shows one.
func (a *api) effect(_ *http.Request, p httprouter.Params) (any, error) {
	e, err := a.effectOf(p)
	return e, err
}

func (a *api) effectOf(p httprouter.Params) (outbox.Effect, error) {
	if a.Effects.Views == nil {
		return outbox.Effect{}, &notConfigured
	}
	id, err := ledger.ParseID(p.ByName("id"))
	if err != nil {
		return outbox.Effect{}, &notFound
	}
	e, ok, err := a.Effects.Get(id)
	if err == nil && !ok {
		err = &notFound
	}
	return e, err
}

// retry sends a dead effect again.
func (a *api) retry(r *http.Request, p httprouter.Params) (any, error) {
	return a.onEffect(r, p, "retry", func(ctx context.Context, id ulid.ULID, by, _ string) (outbox.Effect, error) {
		return a.Acts.Retry(ctx, id, by)
	})
}

// release sends a held effect.
func (a *api) release(r *http.Request, p httprouter.Params) (any, error) {
	return a.onEffect(r, p, "release", func(ctx context.Context, id ulid.ULID, by, _ string) (outbox.Effect, error) {
		return a.Acts.Release(ctx, id, by)
	})
}

// discard ends an effect, for a reason.
func (a *api) discard(r *http.Request, p httprouter.Params) (any, error) {
	return a.onEffect(r, p, "discard", a.Acts.Discard)
}

// act is what a person does to one effect; by is the audit entry's id.
type act func(ctx context.Context, id ulid.ULID, by, reason string) (outbox.Effect, error)

func (a *api) onEffect(r *http.Request, p httprouter.Params, verb string, do act) (any, error) {
	var in reasoned
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if verb == "discard" && in.Reason == "" {
		return nil, bad("reason", "say why, for whoever asks later")
	}
	e, err := a.effectOf(p)
	if err != nil {
		return nil, err
	}
	id, err := ledger.ParseID(e.ID)
	if err != nil {
		return nil, err
	}
	by, err := a.record(r, deed{Act: "effects." + verb, On: e.ID, Reason: in.Reason, subject: e.ContactID, location: e.LocationID, cause: id})
	if err != nil {
		return nil, err
	}
	return do(context.WithoutCancel(r.Context()), id, ledger.FormatID(by), in.Reason)
}

// switched is the input of pause and resume.
type switched struct {
	LocationID string `json:"location_id"` // empty: all of them
	Reason     string `json:"reason"`
}

// switchedAnswer is what a pause or a resume came to.
type switchedAnswer struct {
	Paused     bool   `json:"paused"`
	LocationID string `json:"location_id"`
	AuditID    string `json:"audit_id"`
}

// pause stops what goes out to a location, or to all. Its audit entry is the
// fact that the courier obeys.
func (a *api) pause(r *http.Request, _ httprouter.Params) (any, error) {
	return a.turnSender(r, outbox.SenderPaused, true)
}

// resume lets it go out again, and ends what was held there.
func (a *api) resume(r *http.Request, _ httprouter.Params) (any, error) {
	return a.turnSender(r, outbox.SenderResumed, false)
}

func (a *api) turnSender(r *http.Request, kind string, paused bool) (any, error) {
	var in switched
	if err := input(r, &in); err != nil {
		return nil, err
	}
	if in.LocationID != "" && !a.serves(in.LocationID) {
		return nil, bad("location_id", "not one that this service serves")
	}
	by, err := a.record(r, deed{Act: kind[len(auditKind):], Reason: in.Reason, location: in.LocationID})
	return switchedAnswer{paused, in.LocationID, ledger.FormatID(by)}, err
}
