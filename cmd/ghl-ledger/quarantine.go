package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

type quarantineCmd struct {
	List    quarantineListCmd    `cmd:"" help:"List the verified deliveries that are kept apart, newest last."`
	Show    quarantineShowCmd    `cmd:"" help:"Show one: what is wrong with it, and its bytes."`
	Admit   quarantineAdmitCmd   `cmd:"" help:"Read it again and make it an event, e.g. after an upgrade that understands it."`
	Discard quarantineDiscardCmd `cmd:"" help:"Say that nothing will come of it. Its bytes stay in the ledger."`
}

type quarantineListCmd struct {
	client           `embed:""`
	paging           `embed:""`
	State            string `param:"state" help:"waiting, admitted or discarded."`
	quarantineFilter `embed:""`
}

// quarantineFilter says which deliveries are meant.
type quarantineFilter struct {
	Cause    string `param:"cause" json:"cause,omitempty" help:"Why it was kept apart: malformed, other_app, other_location or too_old."`
	Type     string `param:"type" json:"type,omitempty" help:"Of this type of event, as far as it could be read."`
	Location string `name:"location-id" param:"location_id" json:"location_id,omitempty" help:"Of this location."`
	Contact  string `name:"contact-id" param:"contact_id" json:"contact_id,omitempty" help:"Of this contact."`
	Since    When   `param:"since" json:"since,omitempty" placeholder:"TIME" help:"From then on."`
	Until    When   `param:"until" json:"until,omitempty" placeholder:"TIME" help:"Up to then."`
}

// Help is what quarantine list --help says beside its flags.
func (quarantineListCmd) Help() string {
	return `Examples:
  ghl-ledger quarantine list --state waiting
  ghl-ledger quarantine list --cause other_location --since 2026-01-31`
}

// quarantineRow is a delivery kept apart, as a line of a list.
type quarantineRow struct {
	ID       string    `json:"id"`
	Recorded time.Time `json:"recorded_at" head:"recorded"`
	State    string    `json:"state"`
	Cause    string    `json:"cause"`
	Type     string    `json:"type"`
	Location string    `json:"location_id" head:"location"`
	Fields   faults    `json:"fields"`
}

// faults are what is wrong with a body, by field.
type faults map[string]string

func (f faults) String() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if text != "" {
			text += "; "
		}
		text += name + " " + f[name]
	}
	return text
}

// Run lists the quarantine.
func (c *quarantineListCmd) Run(ctx context.Context, con *console) error {
	q := query(c.quarantineFilter)
	if c.State != "" {
		q.Set("state", c.State)
	}
	return showList[quarantineRow](ctx, con, &c.client, "quarantine", q, c.paging)
}

type quarantineShowCmd struct {
	client `embed:""`
	Raw    bool   `help:"Print the bytes as they came, and nothing else."`
	ID     string `arg:"" help:"The delivery: evt_…"`
}

// Help is what quarantine show --help says beside its flags.
func (quarantineShowCmd) Help() string {
	return `Examples:
  ghl-ledger quarantine show evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX
  ghl-ledger quarantine show evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --raw | sha256sum`
}

// quarantineView is a delivery kept apart, by itself.
type quarantineView struct {
	quarantineRow
	Scheme  string            `json:"scheme"`
	KeyName string            `json:"key_name"`
	Contact string            `json:"contact_id"`
	Size    int               `json:"size"`
	EventID string            `json:"event_id"`
	Erased  bool              `json:"erased"`
	Raw     *string           `json:"raw"` // base64
	Headers map[string]string `json:"headers"`
}

// Run shows the delivery.
func (c *quarantineShowCmd) Run(ctx context.Context, con *console) error {
	var v quarantineView
	path := "quarantine/" + url.PathEscape(c.ID)
	if c.Raw {
		c.find(con.set)
		err := c.get(ctx, path, nil, &v)
		if err != nil {
			return missing(err, "delivery", c.ID, "quarantine list")
		}
		return c.printRaw(con, v)
	}
	done, err := c.show(ctx, con, path, nil, &v)
	if err != nil || done {
		return missing(err, "delivery", c.ID, "quarantine list")
	}
	printFields(con, field{"id", v.ID}, field{"state", v.State}, field{"cause", v.Cause}, field{"faults", v.Fields.String()},
		field{"type", v.Type}, field{"location", v.Location}, field{"contact", v.Contact}, field{"verified by", v.Scheme + ", " + v.KeyName},
		field{"recorded", v.Recorded}, field{"size", v.Size}, field{"became", v.EventID}, field{"erased", v.Erased})
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		printFields(con, field{name, v.Headers[name]})
	}
	raw, err := v.bytes()
	if err != nil || v.Raw == nil {
		return err
	}
	_, err = fmt.Fprintf(con.out, "\n%s\n", shownAsIs(raw))
	return err
}

func (c *quarantineShowCmd) printRaw(con *console, v quarantineView) error {
	if v.Raw == nil {
		return answerNo{fmt.Errorf("the bytes of %s were erased", c.ID)}
	}
	raw, err := v.bytes()
	if err != nil {
		return err
	}
	_, err = con.out.Write(raw)
	return err
}

// bytes are what came; none if they were erased.
func (v quarantineView) bytes() ([]byte, error) {
	if v.Raw == nil {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(*v.Raw)
	if err != nil {
		return nil, fmt.Errorf("the bytes of %s: %w", v.ID, err)
	}
	return raw, nil
}

// settle is an act on one delivery kept apart, or on all that wait and that a
// filter means.
type settle struct {
	client           `embed:""`
	quarantineFilter `embed:""`
	acting           `embed:""`
	All              bool   `help:"All that wait, where no filter is given."`
	ID               string `arg:"" optional:"" help:"The delivery: evt_… Or give a filter instead."`
	Reason           string `help:"Why, for whoever asks later."`
}

type quarantineAdmitCmd struct {
	settle `embed:""`
}

// Help is what quarantine admit --help says beside its flags.
func (quarantineAdmitCmd) Help() string {
	return `It becomes an event with its first arrival time. No message follows from it, since
it is late.

Give an id, or a filter, which then means all that wait. --dry-run counts them.
What is still no valid event stays; so does what is still of another app or
location: add it to GHL_LOCATION_ID, or set GHL_APP_ID, and restart first.

Examples:
  ghl-ledger quarantine admit evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --yes
  ghl-ledger quarantine admit --cause other_location --location-id loc_2 --dry-run`
}

// Run admits the delivery.
func (c *quarantineAdmitCmd) Run(ctx context.Context, con *console) error {
	return c.run(ctx, con, "admit", func(answer map[string]any) string {
		return fmt.Sprintf("%s is now event %v", c.ID, answer["event_id"])
	})
}

type quarantineDiscardCmd struct {
	settle `embed:""`
}

// Help is what quarantine discard --help says beside its flags.
func (quarantineDiscardCmd) Help() string {
	return `Examples:
  ghl-ledger quarantine discard evt_01KE5ZJ3M8Q4W7T2R9N6B0C1DX --reason "a test of theirs" --yes
  ghl-ledger quarantine discard --cause too_old --until 2026-01-31 --dry-run`
}

// Run discards the delivery.
func (c *quarantineDiscardCmd) Run(ctx context.Context, con *console) error {
	return c.run(ctx, con, "discard", func(map[string]any) string { return c.ID + " is discarded" })
}

func (c *settle) one(ctx context.Context, con *console, verb string, said func(answer map[string]any) string) error {
	c.find(con.set)
	path := "quarantine/" + url.PathEscape(c.ID)
	var v quarantineView
	if err := c.get(ctx, path, nil, &v); err != nil {
		return missing(err, "delivery", c.ID, "quarantine list")
	}
	if ok, err := c.goAhead(con, "%s %s (%s, %s)", verb, v.ID, printable(v.Type), v.Cause); !ok {
		return err
	}
	var answer map[string]any
	err := c.post(ctx, path+"/"+verb, reason(c.Reason), &answer)
	if p, ok := errors.AsType[*apiProblem](err); ok && p.Code == "still_invalid" {
		return answerNo{fmt.Errorf("%s is still no valid event: %s", v.ID, v.Fields)}
	}
	if p, ok := errors.AsType[*apiProblem](err); ok && p.Code == "still_foreign" {
		return answerNo{fmt.Errorf("%s: %s", v.ID, p.Message)}
	}
	if err != nil {
		return missing(err, "delivery", c.ID, "quarantine list")
	}
	if c.Output == "json" {
		return printJSON(con.out, answer)
	}
	_, err = fmt.Fprintln(con.out, said(answer))
	return err
}
