package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// tokenWindow is how long the same type and body from a workflow, which gives
// its deliveries no id, are one delivery. A workflow may rightly send the same
// body again the next day.
const tokenWindow = 10 * time.Minute

const tokenPrefix = "tok:"

// tokens gives deliveries without an id their keys:
// tok:<type>:<hash>:<unix second of the first within the window>. It remembers
// the firsts of the last window alone, and finds them in the ledger at the
// first use after a start.
type tokens struct {
	log ledger.Reader

	mu     sync.Mutex
	loaded bool
	firsts map[string]time.Time // by key without the time
	swept  time.Time
}

func newTokens(log ledger.Reader) *tokens {
	return &tokens{log: log, firsts: map[string]time.Time{}}
}

// key returns the key of a delivery of that type and body that arrived now.
func (t *tokens) key(ctx context.Context, kind string, body []byte, now time.Time) (string, error) {
	sum := sha256.Sum256(body)
	stem := tokenPrefix + kind + ":" + hex.EncodeToString(sum[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.load(ctx, now); err != nil {
		return "", err
	}
	t.sweep(now)
	first, ok := t.firsts[stem]
	if !ok || now.Sub(first) >= tokenWindow || first.After(now.Add(tokenWindow)) {
		first = now
		t.firsts[stem] = first
	}
	return fmt.Sprintf("%s:%d", stem, first.Unix()), nil
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
		if e.Meta.Scheme != ghl.SchemeToken || !strings.HasPrefix(e.Key, tokenPrefix) {
			continue
		}
		i := strings.LastIndexByte(e.Key, ':')
		if unix, err := strconv.ParseInt(e.Key[i+1:], 10, 64); err == nil {
			t.firsts[e.Key[:i]] = time.Unix(unix, 0)
		}
	}
	t.loaded = true
	return nil
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

// tokenKey returns the key of a workflow's delivery without an id; "" for
// others, which have their own.
func (h *webhooks) tokenKey(ctx context.Context, del *delivery) (string, error) {
	if del.verified.Scheme != ghl.SchemeToken || del.event.ID != "" {
		return "", nil
	}
	return h.tokens.key(ctx, string(del.event.Type), del.body, del.arrived)
}
