package handlers

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// tokenWindow is how long the same type and body from a workflow, which gives
// its deliveries no id, are one delivery. A workflow may rightly send the same
// body again the next day.
const tokenWindow = 10 * time.Minute

const tokenPrefix = "tok:"

// tokens gives deliveries without an id their keys, whether they become events
// or are kept apart: <stem>:<unix second of the first within the window>. It
// remembers the firsts of the last window alone, and finds them in the ledger
// at the first use after a start.
type tokens struct {
	log ledger.Reader

	turn   turn
	loaded bool
	firsts map[string]time.Time // by key without the time, its stem
	swept  time.Time
}

func newTokens(log ledger.Reader) *tokens {
	return &tokens{log: log, turn: newTurn(), firsts: map[string]time.Time{}}
}

// first returns when what has that stem was first seen in the window of now.
func (t *tokens) first(ctx context.Context, stem string, now time.Time) (time.Time, error) {
	if err := t.turn.take(ctx); err != nil {
		return now, err
	}
	defer t.turn.leave()
	if err := t.load(ctx, now); err != nil {
		return now, err
	}
	t.sweep(now)
	first, ok := t.firsts[stem]
	if !ok || now.Sub(first) >= tokenWindow || first.After(now.Add(tokenWindow)) {
		first = now
		t.firsts[stem] = first
	}
	return first, nil
}

// admitted notes the keys of what is about to be admitted, so that a repeat of
// it that comes meanwhile is found to be one.
func (t *tokens) admitted(ctx context.Context, events []ledger.Draft) error {
	if err := t.turn.take(ctx); err != nil {
		return err
	}
	defer t.turn.leave()
	for _, d := range events {
		t.note(d.Key, d.Meta)
	}
	return nil
}

// load reads the firsts of the last window from the ledger, once.
func (t *tokens) load(ctx context.Context, now time.Time) error {
	if t.loaded {
		return nil
	}
	for e, err := range t.log.Read(ctx, ledger.Cursor{ID: edge(now.Add(-tokenWindow - time.Second))}) {
		if err != nil {
			return err
		}
		t.note(e.Key, e.Meta)
	}
	t.loaded = true
	return nil
}

// note remembers the newest first of a stem: one admitted late is older than
// what came since, whose window it must not end.
func (t *tokens) note(key string, meta ledger.Meta) {
	if stem, first, ok := firstOf(key, meta); ok && first.After(t.firsts[stem]) {
		t.firsts[stem] = first
	}
}

// firstOf takes the key of a delivery without an id apart.
func firstOf(key string, meta ledger.Meta) (stem string, first time.Time, ok bool) {
	ours := strings.HasPrefix(key, tokenPrefix) || strings.HasPrefix(key, quarantinePrefix)
	if meta.Scheme != ghl.SchemeToken || !ours {
		return "", first, false
	}
	i := strings.LastIndexByte(key, ':')
	unix, err := strconv.ParseInt(key[i+1:], 10, 64)
	return key[:i], time.Unix(unix, 0), err == nil
}

// sweep forgets, once a minute, what is older than the window.
func (t *tokens) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Minute {
		return
	}
	t.swept = now
	for stem, first := range t.firsts {
		if now.Sub(first) >= tokenWindow {
			delete(t.firsts, stem)
		}
	}
}

// nameless reports whether the delivery is a workflow's without an id; others
// have a key of their own.
func (del *delivery) nameless() bool {
	return del.verified.Scheme == ghl.SchemeToken && del.event.ID == ""
}

// tokenStem is the key of a delivery without an id, without its time.
func (del *delivery) tokenStem() string {
	key := ghl.TokenKey(del.event, del.body, time.Time{})
	return key[:strings.LastIndexByte(key, ':')]
}

// tokenKey returns the key of a workflow's delivery without an id; "" for
// others.
func (h *webhooks) tokenKey(ctx context.Context, del *delivery) (string, error) {
	if !del.nameless() {
		return "", nil
	}
	first, err := h.Shared.tokens.first(ctx, del.tokenStem(), del.arrived)
	return ghl.TokenKey(del.event, del.body, first), err
}
