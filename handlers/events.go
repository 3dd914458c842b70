package handlers

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/julienschmidt/httprouter"
)

// eventView is an entry as the API shows it.
type eventView struct {
	ID       string     `json:"id"`
	Seq      ledger.Seq `json:"seq"`
	Kind     string     `json:"kind"`
	Status   string     `json:"status"` // received, planned, delivered, failed; empty for the service's own entries
	Contact  string     `json:"contact_id"`
	Location string     `json:"location_id"`
	Key      string     `json:"key"`
	Cause    string     `json:"cause"`
	Scheme   string     `json:"scheme"`
	Dialect  string     `json:"dialect"`
	Occurred time.Time  `json:"occurred_at"`
	Recorded time.Time  `json:"recorded_at"`
	Hash     string     `json:"hash"`
	Size     int        `json:"size"`
	Conflict bool       `json:"conflict"`
	Backfill bool       `json:"backfill"`
	Erased   bool       `json:"erased"`

	Quarantined string `json:"quarantined,omitempty"` // why it is kept apart: its status is failed
}

// eventDetail is one entry by itself.
type eventDetail struct {
	eventView
	Body     *string    `json:"body"` // null when erased
	Verified *verified  `json:"verified_by"`
	Caused   []string   `json:"caused"`
	Arrived  *time.Time `json:"arrived_at"` // where it was not when it was recorded
}

// verified says what proved an event's sender.
type verified struct {
	Scheme  string `json:"scheme"`
	KeyName string `json:"key_name"`
}

func viewOf(e ledger.Entry, f fate) eventView {
	v := eventView{
		ID: ledger.FormatID(e.ID), Seq: e.Seq, Kind: e.Kind, Status: f.status(e), Contact: e.Subject, Location: e.Location,
		Key: e.Key, Cause: ledger.FormatID(e.Cause), Scheme: e.Meta.Scheme, Dialect: e.Meta.Dialect,
		Occurred: e.Occurred.UTC(), Recorded: e.Recorded.UTC(), Hash: hex.EncodeToString(e.Hash[:]), Size: e.Size,
		Conflict: e.Meta.Conflict, Backfill: e.Meta.Backfill, Erased: e.Erased,
	}
	if e.Kind == quarantinedKind {
		v.Quarantined = bodyOf(e).Cause
	}
	return v
}

// events lists entries.
func (a *api) events(r *http.Request, _ httprouter.Params) (any, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	entries, next, err := a.find(r.Context(), f)
	if err != nil {
		return nil, err
	}
	fates, err := a.fates(r.Context(), entries)
	if err != nil {
		return nil, err
	}
	views := make([]eventView, len(entries))
	for i, e := range entries {
		views[i] = viewOf(e, fates[e.ID])
	}
	return listOf(views, next), nil
}

// event shows one entry, its body and what followed from it.
func (a *api) event(r *http.Request, p httprouter.Params) (any, error) {
	e, err := a.entryOf(r.Context(), p.ByName("id"))
	if err != nil {
		return nil, err
	}
	fates, err := a.fates(r.Context(), []ledger.Entry{e})
	if err != nil {
		return nil, err
	}
	f := fates[e.ID]
	detail := eventDetail{eventView: viewOf(e, f), Caused: []string{}}
	if !e.Erased {
		body := string(e.Body)
		detail.Body = &body
	}
	if e.Meta.Scheme != "" {
		detail.Verified = &verified{e.Meta.Scheme, e.Meta.KeyName}
	}
	if !e.Meta.Arrived.IsZero() {
		detail.Arrived = &e.Meta.Arrived
	}
	for _, id := range f.caused {
		detail.Caused = append(detail.Caused, ledger.FormatID(id))
	}
	return detail, nil
}

// raw sends the bytes that came, untouched.
func (a *api) raw(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	e, err := a.entryOf(r.Context(), p.ByName("id"))
	if err != nil {
		return err
	}
	if e.Erased {
		return &Problem{Status: 410, Short: "Erased", Code: "erased", Message: "The body's key was destroyed (`ghl-ledger forget`)."}
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream") // a sender's bytes are never shown as a page
	h.Set("Content-Disposition", `attachment; filename="`+ledger.FormatID(e.ID)+`.json"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	_, _ = w.Write(e.Body) // the client is gone: there is nobody to tell
	return nil
}

// ledgerView is the ledger as a whole.
type ledgerView struct {
	Seq     ledger.Seq `json:"seq"`
	ID      string     `json:"id"`
	Hash    string     `json:"hash"`
	Entries ledger.Seq `json:"entries"`
	Bytes   int64      `json:"bytes"`
	Oldest  *time.Time `json:"oldest"`
	Newest  *time.Time `json:"newest"`
	Backup  *time.Time `json:"newest_backup_at"` // null: none by schedule
	Storage any        `json:"storage,omitempty"`

	Verified any `json:"verified,omitempty"` // every entry was looked at, by request
}

// alerts lists what the operators were alerted of since the start.
func (a *api) alerts(*http.Request, httprouter.Params) (any, error) {
	if a.Alerts == nil {
		return nil, &notConfigured
	}
	return list[Raised]{Data: orEmpty(a.Alerts())}, nil
}

// ledger shows where the ledger ends: with its head kept elsewhere, a later
// change of anything before it can be proved.
func (a *api) ledger(w http.ResponseWriter, r *http.Request, p httprouter.Params) error {
	answer := encoded(http.StatusOK, a.ledgerView)
	if verifies(r) {
		answer = unhurried(answer)
	}
	return answer(w, r, p)
}

// verifies says whether every entry is to be looked at.
func verifies(r *http.Request) bool { return r.URL.Query().Get("verify") == "true" }

func (a *api) ledgerView(r *http.Request, _ httprouter.Params) (any, error) {
	head, err := a.Log.Head(r.Context())
	if err != nil {
		return nil, err
	}
	v := ledgerView{Seq: head.Seq, ID: ledger.FormatID(head.ID), Entries: head.Seq}
	if a.Storage != nil {
		v.Storage = a.Storage()
	}
	if a.Size != nil {
		v.Bytes = a.Size()
	}
	if a.NewestBackup != nil {
		if at := a.NewestBackup(); !at.IsZero() {
			v.Backup = &at
		}
	}
	if a.Verify != nil && verifies(r) {
		if v.Verified, err = a.Verify(r.Context()); err != nil {
			return nil, err
		}
	}
	if head.Seq == 0 {
		return v, nil
	}
	for _, end := range []struct {
		after ledger.Seq
		at    **time.Time
	}{{0, &v.Oldest}, {head.Seq - 1, &v.Newest}} {
		page, err := pageOf(r.Context(), a.Log, end.after, end.after+1)
		if errors.Is(err, ledger.ErrCorrupt) {
			continue // when, nobody knows: what is damaged is named by the verification
		}
		if err != nil || len(page) == 0 {
			return nil, err
		}
		*end.at, v.Hash = &page[0].Recorded, hex.EncodeToString(page[0].Hash[:])
	}
	return v, nil
}
