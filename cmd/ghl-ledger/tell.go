package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/oklog/ulid/v2"
)

// teller sends the story, prints what comes of it, and finds fault with it.
type teller struct {
	*trial
	out    io.Writer
	told   ledger.Cursor // printed up to here
	faults []error
}

// tell sends every step, each when the one before has been seen to the end,
// and prints what it led to. Its error is every fault it found.
func (t *teller) tell(ctx context.Context) error {
	fmt.Fprintf(t.out, "What GoHighLevel sent, and what followed (each line is an entry of the ledger, ids by their ends)\n\n")
	var first []byte
	for _, step := range story {
		body := step.body(time.Now())
		if first == nil {
			first = body
		}
		if err := t.step(ctx, string(step.kind), body); err != nil {
			return err
		}
	}
	if err := t.again(ctx, first); err != nil {
		return err
	}
	t.leads()
	t.calls()
	t.deadLetters()
	return errors.Join(t.faults...)
}

// fault notes what is not as it should be.
func (t *teller) fault(format string, args ...any) {
	t.faults = append(t.faults, fmt.Errorf(format, args...))
}

// step delivers one event and waits until all that follows from it is done.
func (t *teller) step(ctx context.Context, kind string, body []byte) error {
	r, err := t.deliver(ctx, body)
	if err != nil {
		return err
	}
	if r.HTTP != 200 || r.Data.Duplicate {
		t.fault("%s was answered %d %s %s", kind, r.HTTP, r.Error, r.Message)
		return nil
	}
	id, err := ledger.ParseID(r.Data.EventID)
	if err != nil {
		return err
	}
	event, err := ledger.Get(ctx, t.service.ledger, id)
	if err != nil {
		return err
	}
	if err := t.settle(ctx, event.Seq); err != nil {
		return fmt.Errorf("%s %s: %w", kind, r.Data.EventID, err)
	}
	fmt.Fprintf(t.out, "%-22s %s  %d in %.1f ms  %s\n", kind, r.Data.EventID, r.HTTP, r.Data.Took, event.Subject)
	return t.followed(ctx, event)
}

// followed prints the entries that came after event: each thing that was
// wanted with what came of it.
func (t *teller) followed(ctx context.Context, event ledger.Entry) error {
	var parts []string
	wanted := map[ulid.ULID]int{} // index in parts of an effect.requested
	for e, err := range t.service.ledger.Read(ctx, t.told) {
		if err != nil {
			return err
		}
		t.told = e.Cursor()
		text := gist(e) + " " + short(e.ID)
		at, ours := wanted[e.Cause]
		switch {
		case e.ID == event.ID, e.Kind == outbox.PlannerAdvanced, e.Kind == outbox.Attempted:
		case ours:
			parts[at] += " " + text
		default:
			wanted[e.ID] = len(parts)
			parts = append(parts, text)
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(t.out, "    %s\n", strings.Join(parts, " · "))
	}
	return nil
}

// gist says an entry in a word or two.
func gist(e ledger.Entry) string {
	var score outbox.Scored
	var request outbox.Request
	switch {
	case e.Meta.Scheme != "":
		return "echo"
	case e.Kind == outbox.LeadScored && json.Unmarshal(e.Body, &score) == nil:
		return fmt.Sprintf("scored %.2f", score.Value)
	case e.Kind == outbox.Requested && json.Unmarshal(e.Body, &request) == nil:
		_, name, _ := strings.Cut(request.Kind, ".")
		return name
	case strings.HasPrefix(e.Kind, "effect."):
		return strings.TrimPrefix(e.Kind, "effect.")
	}
	return e.Kind
}

// short is the end of an id, by which a person tells entries apart.
func short(id ulid.ULID) string {
	text := id.String()
	return "…" + text[len(text)-6:]
}

// again delivers the first event a second time: one entry, and no consequence.
func (t *teller) again(ctx context.Context, first []byte) error {
	before, err := t.service.ledger.Head(ctx)
	if err != nil {
		return err
	}
	r, err := t.deliver(ctx, first)
	if err != nil {
		return err
	}
	after, err := t.service.ledger.Head(ctx)
	if err != nil {
		return err
	}
	if r.HTTP != 200 || !r.Data.Duplicate || after != before {
		t.fault("the first event, delivered twice, was answered %d, duplicate %t, and the ledger grew from %d to %d", r.HTTP, r.Data.Duplicate, before.Seq, after.Seq)
	}
	fmt.Fprintf(t.out, "%-22s %s  %d, a duplicate: nothing follows\n", "the first one again", r.Data.EventID, r.HTTP)
	return nil
}

// leads prints what is known of each lead now.
func (t *teller) leads() {
	fmt.Fprintf(t.out, "\nLeads, by score\n\n")
	list, _, err := t.service.leads.List(projections.LeadFilter{Sort: projections.SortScore})
	if err != nil {
		t.fault("list leads: %w", err)
		return
	}
	rows := newTable(t.out)
	rows.AppendHeader(table.Row{"lead", "status", "score", "quality", "first reason", "next action"})
	for _, l := range list {
		if l.Score == nil {
			t.fault("%s has no score", l.ContactID)
			continue
		}
		t.sameAtGoHighLevel(l)
		rows.AppendRow(table.Row{l.Name, l.Status, fmt.Sprintf("%.2f", l.Score.Value), l.Score.Quality, firstReason(l), nextAction(l)})
	}
	rows.Render()
}

// sameAtGoHighLevel finds fault where GoHighLevel shows another score than we do.
func (t *teller) sameAtGoHighLevel(l projections.Lead) {
	if l.ContactID == refused {
		return
	}
	c, _ := t.sandbox.Contact(l.ContactID)
	if !ghl.SameValue(c.Fields["ai_score"], l.Score.Value) {
		t.fault("%s has score %v, and GoHighLevel %v", l.ContactID, l.Score.Value, c.Fields["ai_score"])
	}
}

func firstReason(l projections.Lead) string {
	if len(l.Score.Reasons) == 0 {
		return ""
	}
	r := l.Score.Reasons[0]
	return fmt.Sprintf("%+.2f %s", r.Points, r.Text)
}

func nextAction(l projections.Lead) string {
	if len(l.Score.Actions) == 0 {
		return ""
	}
	return l.Score.Actions[0].Action
}

// calls prints what GoHighLevel was told, and its answers.
func (t *teller) calls() {
	fmt.Fprintf(t.out, "\nWhat GoHighLevel was told, and its answers\n\n")
	names := map[string]string{} // of custom fields by id
	for _, c := range t.sandbox.Calls() {
		var have struct{ CustomFields []ghl.Definition }
		if c.Method == http.MethodGet && json.Unmarshal(c.Answer, &have) == nil {
			for _, d := range have.CustomFields {
				names[d.ID] = strings.TrimPrefix(d.Key, "contact.")
			}
		}
		path, _, _ := strings.Cut(c.Path, "?")
		fmt.Fprintf(t.out, "  %d %-4s %-37s %s\n", c.Status, c.Method, path, said(c, names))
	}
	for _, d := range t.sandbox.Twice() {
		t.fault("%s was sent to %s twice: %s", d.Kind, d.Contact, d.Text)
	}
}

// said is the gist of a call: the values of the fields, or what the message says.
func said(c ghltest.Call, names map[string]string) string {
	var body struct {
		CustomFields []struct {
			ID    string `json:"id"`
			Value any    `json:"field_value"`
		} `json:"customFields"`
		Type, ContactID, Subject, Message string
	}
	if json.Unmarshal(c.Body, &body) != nil {
		return ""
	}
	var parts []string
	for _, f := range body.CustomFields {
		parts = append(parts, fmt.Sprintf("%s=%v", names[f.ID], f.Value))
	}
	if body.Type != "" {
		parts = append(parts, body.ContactID, body.Type, body.Subject, body.Message)
	}
	return excerpt(strings.TrimSpace(strings.Join(parts, " ")), 100)
}

// excerpt is the beginning of a text, a line of at most n characters.
func excerpt(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// deadLetters prints what GoHighLevel refused for good.
func (t *teller) deadLetters() {
	list, _, err := t.service.pending.List(outbox.Filter{})
	if err != nil {
		t.fault("list effects: %w", err)
		return
	}
	fmt.Fprintf(t.out, "\nDead letters (a person has them sent again: effects retry)\n\n")
	dead := 0
	for _, e := range list {
		switch {
		case e.State == outbox.StateDead && e.ContactID == refused:
			dead++
			fmt.Fprintf(t.out, "  %s  %s of %s, tries: %d, %s\n    %s\n", e.ID, e.Kind, e.ContactID, e.Attempts, e.Status, e.Error)
		case e.State == outbox.StateDead, e.State == outbox.StatePending, e.State == outbox.StateHeld:
			t.fault("%s of %s is %s: %s", e.Kind, e.ContactID, e.State, e.Error)
		}
	}
	if dead == 0 {
		t.fault("the sandbox refuses %s, but nothing of it is a dead letter", refused)
	}
}
