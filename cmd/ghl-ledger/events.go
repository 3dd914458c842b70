package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

type eventsCmd struct {
	List   eventsListCmd   `cmd:"" help:"List the ledger's entries, newest last."`
	Show   eventsShowCmd   `cmd:"" help:"Show one entry: its body, what verified it, what it caused."`
	Tail   eventsTailCmd   `cmd:"" help:"Print entries as they come."`
	Resend eventsResendCmd `cmd:"" help:"Deliver an event's own bytes, freshly signed, to another address."`
}

// eventFilter says which entries are asked for.
type eventFilter struct {
	Kind     string `param:"kind" help:"Kinds, comma-separated; message.* is every kind that begins so."`
	Contact  string `name:"contact-id" param:"contact_id" help:"Of this contact."`
	Location string `name:"location-id" param:"location_id" help:"Of this location."`
	Since    When   `param:"since" placeholder:"TIME" help:"From then on: 24h ago, 2026-01-31, 2026-01-31T15:04:05Z, or an event's id."`
	Until    When   `param:"until" placeholder:"TIME" help:"Up to then."`
	Query    string `name:"q" param:"q" placeholder:"TEXT" help:"That contain this text."`
}

// eventRow is an entry as a line of a list.
type eventRow struct {
	ID       string    `json:"id"`
	Seq      uint64    `json:"seq"`
	Recorded time.Time `json:"recorded_at" head:"recorded"`
	Kind     string    `json:"kind"`
	Contact  string    `json:"contact_id" head:"contact"`
	Status   string    `json:"status"`
	Cause    string    `json:"cause"`
}

type eventsListCmd struct {
	client      `embed:""`
	eventFilter `embed:""`
	paging      `embed:""`
	Order       string `enum:"asc,desc" default:"desc" param:"order" help:"Which are taken first, oldest (asc) or newest (desc)."`
}

// Help is what events list --help says beside its flags.
func (eventsListCmd) Help() string {
	return `Examples:
  ghl-ledger events list --contact-id contact_1       what happened with a contact
  ghl-ledger events list --kind 'message.*' --since 24h
  ghl-ledger events list --kind effect.dead --limit 0 --output json | jq -r '.data[].id'`
}

// Run lists the entries. A table reads downwards in time whichever are asked for.
func (c *eventsListCmd) Run(ctx context.Context, con *console) error {
	q := query(c.eventFilter)
	q.Set("order", c.Order)
	c.find(con.set)
	got, err := c.fetch(ctx, "events", q, c.paging)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(con.out, got)
	}
	if c.Order == "desc" {
		slices.Reverse(got.Data)
	}
	rows, err := decoded[eventRow](got.Data)
	if err != nil {
		return err
	}
	if err := sayQuarantined(rows, got.Data); err != nil {
		return err
	}
	if err := printList(con, c.Output, rows); err != nil {
		return err
	}
	if got.Next != nil {
		fmt.Fprintf(con.err, "There is more: --after %s, or --limit 0 for all.\n", *got.Next)
	}
	return nil
}

// sayQuarantined says of a delivery that is kept apart why: failed alone reads
// as if something of it had been tried.
func sayQuarantined(rows []eventRow, items []json.RawMessage) error {
	apart, err := decoded[struct{ Quarantined string }](items)
	if err != nil {
		return err
	}
	for i, x := range apart {
		if x.Quarantined != "" {
			rows[i].Status += ": " + x.Quarantined
		}
	}
	return nil
}

type eventsShowCmd struct {
	client `embed:""`
	ID     string `arg:"" help:"The event: evt_…"`
	Raw    bool   `help:"Print the bytes as they came, and nothing else."`
}

// Help is what events show --help says beside its flags.
func (eventsShowCmd) Help() string {
	return `Examples:
  ghl-ledger events show evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX
  ghl-ledger events show evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --raw | sha256sum`
}

// eventDetail is one entry by itself.
type eventDetail struct {
	eventRow
	Location string    `json:"location_id"`
	Key      string    `json:"key"`
	Dialect  string    `json:"dialect"`
	Occurred time.Time `json:"occurred_at"`
	Hash     string    `json:"hash"`
	Size     int       `json:"size"`
	Conflict bool      `json:"conflict"`
	Backfill bool      `json:"backfill"`
	Erased   bool      `json:"erased"`
	Body     *string   `json:"body"`
	Caused   []string  `json:"caused"`
	Verified *struct {
		Scheme  string `json:"scheme"`
		KeyName string `json:"key_name"`
	} `json:"verified_by"`
}

// Run shows the entry.
func (c *eventsShowCmd) Run(ctx context.Context, con *console) error {
	if c.Raw {
		c.find(con.set)
		b, err := c.raw(ctx, c.ID)
		if err == nil {
			_, err = con.out.Write(b)
		}
		return missing(err, "event", c.ID, "events list")
	}
	var e eventDetail
	done, err := c.show(ctx, con, "events/"+url.PathEscape(c.ID), nil, &e)
	if err != nil || done {
		return missing(err, "event", c.ID, "events list")
	}
	e.print(con)
	return c.printCaused(ctx, con, e.Caused)
}

func (e *eventDetail) print(con *console) {
	by := ""
	if e.Verified != nil {
		by = e.Verified.Scheme + ", " + e.Verified.KeyName
	}
	printFields(con, field{"id", e.ID}, field{"seq", e.Seq}, field{"kind", e.Kind}, field{"status", e.Status},
		field{"contact", e.Contact}, field{"location", e.Location}, field{"occurred", e.Occurred}, field{"recorded", e.Recorded},
		field{"cause", e.Cause}, field{"key", e.Key}, field{"verified by", by}, field{"dialect", e.Dialect}, field{"hash", e.Hash},
		field{"size", e.Size}, field{"conflict", e.Conflict}, field{"backfill", e.Backfill}, field{"erased", e.Erased})
	if e.Body != nil && *e.Body != "" {
		fmt.Fprintf(con.out, "\n%s\n", readable([]byte(*e.Body)))
	}
}

// readable is a body as a person reads it: JSON indented, everything else as
// it is, and nothing in it that would steer a terminal.
func readable(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		b.Reset()
		b.Write(body)
	}
	return shownAsIs(b.Bytes())
}

// shownAsIs is text as it came, its lines too, with what would steer a terminal
// written out: what is no JSON is wrong in ways that an indented copy hides.
func shownAsIs(text []byte) string {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		lines[i] = []byte(printable(string(line)))
	}
	return string(bytes.Join(lines, []byte("\n")))
}

// maxCaused is how many answers to an event are looked up one by one.
const maxCaused = 50

// printCaused shows what answers the event.
func (c *client) printCaused(ctx context.Context, con *console, ids []string) error {
	var rows []eventRow
	for _, id := range ids[:min(len(ids), maxCaused)] {
		var row eventRow
		if err := c.get(ctx, "events/"+url.PathEscape(id), nil, &row); err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(con.out, "\nIt caused:")
	return printList(con, "table", rows)
}

// raw gets the bytes of an event as they came.
func (r *remote) raw(ctx context.Context, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	resp, err := r.send(ctx, http.MethodGet, apiRoot+"events/"+url.PathEscape(id)+"/raw", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return nil, r.refused(resp.StatusCode, b)
	}
	return b, nil
}

type eventsResendCmd struct {
	client `embed:""`
	signer `embed:""`
	ID     string `arg:"" help:"The event: evt_…"`
	To     string `required:"" placeholder:"URL" help:"Where to deliver it, e.g. http://127.0.0.1:9090/webhooks/ghl."`
	DryRun bool   `help:"Say what would be sent, and send nothing."`
}

// Help is what events resend --help says beside its flags.
func (eventsResendCmd) Help() string {
	return `The bytes are those that came; the signature is made now, with your own secret,
token or --key, since the sender's covers a time that has passed. It is for a
second service, e.g. the one on your desk: this one would say that it has it.

Examples:
  ghl-ledger events resend evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --to http://127.0.0.1:9090/webhooks/ghl`
}

// Run delivers the event's bytes and says what was answered.
func (c *eventsResendCmd) Run(ctx context.Context, con *console) error {
	c.find(con.set)
	var e eventDetail
	if err := c.get(ctx, "events/"+url.PathEscape(c.ID), nil, &e); err != nil {
		return missing(err, "event", c.ID, "events list")
	}
	if e.Verified == nil {
		return answerNo{fmt.Errorf("%s is an entry of the service itself (%s): only what a sender delivered can be delivered again", e.ID, e.Kind)}
	}
	body, err := c.raw(ctx, c.ID)
	if err != nil {
		return missing(err, "event", c.ID, "events list")
	}
	target, headers, err := c.sign(c.To, ghl.Type(e.Kind), ghl.Dialect(e.Dialect), body, time.Now())
	if err != nil {
		return err
	}
	if c.DryRun {
		_, err := fmt.Fprintf(con.out, "would deliver %s, %d bytes, to %s\n", e.Kind, len(body), target)
		return err
	}
	r, err := post(ctx, target, body, headers)
	if err != nil {
		return err
	}
	return c.report(con, e, r)
}

func (c *eventsResendCmd) report(con *console, e eventDetail, r received) error {
	if c.Output == "json" {
		if err := printJSON(con.out, r); err != nil {
			return err
		}
	}
	if r.HTTP != http.StatusOK {
		return answerNo{errors.Join(fmt.Errorf("%s answered %d %s: %s", c.To, r.HTTP, r.Error, r.Message))}
	}
	if c.Output == "json" {
		return nil
	}
	_, err := fmt.Fprintf(con.out, "%s %s was delivered to %s, which has it as %s\n", e.Kind, e.ID, c.To, r.Data.EventID)
	return err
}
