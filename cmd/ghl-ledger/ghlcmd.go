package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
)

type ghlCmd struct {
	Permissions ghlPermissionsCmd `cmd:"" help:"Say what the token may do, by trying it."`
	Contacts    ghlContactsCmd    `cmd:"" help:"List contacts as GoHighLevel has them."`
	Fields      ghlFieldsCmd      `cmd:"" help:"Say which custom fields that this service writes are present, and create the missing."`
}

// calling is the flags of commands that call GoHighLevel themselves: they need
// no running service.
type calling struct {
	Location string `name:"location-id" aliases:"location" help:"Of this location; each of GHL_LOCATION_ID if not given."`
	Output   string `enum:"table,json" default:"table" help:"${enum}."`

	Locations []string `name:"ghl-location-id" hidden:""`
	Key       string   `name:"ghl-api-key" hidden:""`
	BaseURL   string   `name:"ghl-api-base-url" hidden:"" default:"https://services.leadconnectorhq.com"`
	Version   string   `name:"ghl-api-version" hidden:"" default:"2021-07-28"`
	Rate      Rate     `name:"ghl-api-rate" hidden:"" default:"100/10s"`
}

// config is the part of the service's configuration that calls need.
func (c *calling) config(con *console) (*Config, error) {
	cfg := &Config{APIKey: c.Key, APIBaseURL: c.BaseURL, APIVersion: c.Version, APIRate: c.Rate, LocationID: c.Locations}
	cfg.complete(con.set)
	if c.Location != "" {
		cfg.LocationID = []string{c.Location}
	}
	switch {
	case len(cfg.LocationID) == 0:
		return nil, errors.New("which location? Set GHL_LOCATION_ID, or give --location-id; GoHighLevel shows it in Settings > Business Profile")
	case cfg.retiredAPI():
		return nil, fmt.Errorf("GHL_API_BASE_URL %s: GoHighLevel retired that API at the end of 2025; use https://services.leadconnectorhq.com", c.BaseURL)
	}
	for _, l := range cfg.LocationID {
		if cfg.token(l) == "" {
			return nil, fmt.Errorf("no token for location %s: set GHL_API_KEY (Settings > Private Integrations)", l)
		}
	}
	return cfg, nil
}

// calls returns a client of GoHighLevel's API as the configuration has it.
func (c *Config) calls() *ghlapi.Client { return c.callsWith(c.token) }

// callsWith is calls with tokens that may change while it is in use.
func (c *Config) callsWith(token func(location string) string) *ghlapi.Client {
	return ghlapi.New(ghlapi.Config{
		BaseURL: c.APIBaseURL, Version: c.APIVersion, Token: token,
		Rate: ghlapi.Rate(c.APIRate), Daily: c.APIDaily,
	})
}

type ghlPermissionsCmd struct {
	calling `embed:""`
}

// Help is what ghl permissions --help says beside its flags.
func (ghlPermissionsCmd) Help() string {
	return `What reads is tried by reading. What writes is tried on a contact that cannot
exist, and with a field that has no name: GoHighLevel refuses both, and how it
refuses says whether the token may.

Examples:
  ghl-ledger ghl permissions`
}

// permission is what a token may do, or not.
type permission struct {
	Location string `json:"location_id" head:"location"`
	Scope    string `json:"scope"`
	State    string `json:"state"` // ok, missing, unknown
	For      string `json:"for"`
	Why      string `json:"why"`
}

// noSuchContact cannot be the id of a contact: those have no dashes.
const noSuchContact = "ghl-ledger-permissions-no-such-contact"

// scopes are what this service needs a token for, and a call that tells.
var scopes = []struct {
	name, what string
	try        func(ctx context.Context, api *ghlapi.Client, location string) error
}{
	{"contacts.readonly", "reconcile", func(ctx context.Context, api *ghlapi.Client, l string) error {
		for _, err := range api.Contacts(ctx, l, time.Now()) {
			return err
		}
		return nil
	}},
	{"contacts.write", "scores on contacts, workflows, tasks", func(ctx context.Context, api *ghlapi.Client, l string) error {
		return api.UpdateContact(ctx, l, noSuchContact, []ghl.FieldValue{})
	}},
	{"locations/customFields.readonly", "finding the fields to write", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.CustomFields(ctx, l)
		return err
	}},
	{"locations/customFields.write", "`ghl fields --create`", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.CreateField(ctx, l, ghl.Definition{})
		return err
	}},
	{"conversations/message.write", "sequences by e-mail and text", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.SendMessage(ctx, l, ghl.OutMessage{Type: "SMS", ContactID: noSuchContact})
		return err
	}},
	{"opportunities.readonly", "names of pipelines and lost reasons, reconcile", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.Pipelines(ctx, l)
		return err
	}},
	{"calendars.readonly", "names of calendars", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.Calendars(ctx, l)
		return err
	}},
	{"workflows.readonly", "sequences by workflow", func(ctx context.Context, api *ghlapi.Client, l string) error {
		_, err := api.Workflows(ctx, l)
		return err
	}},
}

// Run tries each scope. Its answer is no if one is missing.
func (c *ghlPermissionsCmd) Run(ctx context.Context, con *console) error {
	cfg, err := c.config(con)
	if err != nil {
		return err
	}
	list := permissions(ctx, cfg)
	if err := printList(con, c.Output, list); err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(p permission) bool { return p.State == "missing" }) {
		return answerNo{errors.New("the token lacks scopes: edit it in Settings > Private Integrations of the location")}
	}
	if slices.ContainsFunc(list, func(p permission) bool { return p.State == "unknown" }) {
		return errors.New("GoHighLevel did not say of every scope whether the token has it: see why, and try again")
	}
	return nil
}

// permissions tries each scope at each location.
func permissions(ctx context.Context, cfg *Config) (list []permission) {
	api := cfg.calls()
	for _, l := range cfg.LocationID {
		for _, s := range scopes {
			p := permission{Location: l, Scope: s.name, For: s.what, State: "ok"}
			p.State, p.Why = judged(s.try(ctx, api, l))
			list = append(list, p)
		}
	}
	return list
}

// judged says what an answer tells of a scope.
func judged(err error) (state, why string) {
	if err == nil {
		return "ok", ""
	}
	refused, ok := errors.AsType[*ghl.APIError](err)
	switch {
	case !ok, refused.Status == 0, refused.Status == 429, refused.Status >= 500:
		return "unknown", err.Error()
	case refused.Status == 401, refused.Status == 403:
		return "missing", refused.Message
	}
	return "ok", "" // it was looked at, and refused for what it was
}

type ghlContactsCmd struct {
	calling `embed:""`
	Limit   int           `default:"20" help:"How many at most; 0 is all."`
	Since   time.Duration `placeholder:"24h" help:"Only those that changed since so long."`
}

// Help is what ghl contacts --help says beside its flags.
func (ghlContactsCmd) Help() string {
	return `Examples:
  ghl-ledger ghl contacts --since 24h
  ghl-ledger ghl contacts --limit 0 --output json | jq -r '.[].id'`
}

// contactRow is a contact of GoHighLevel as a line of a list.
type contactRow struct {
	ID      string    `json:"id"`
	First   string    `json:"firstName" head:"first name"`
	Last    string    `json:"lastName" head:"last name"`
	Email   string    `json:"email"`
	Phone   string    `json:"phone"`
	Updated time.Time `json:"dateUpdated" head:"updated"`
}

// Run lists the contacts, the longest unchanged first.
func (c *ghlContactsCmd) Run(ctx context.Context, con *console) error {
	cfg, err := c.config(con)
	if err != nil {
		return err
	}
	var since time.Time
	if c.Since > 0 {
		since = time.Now().Add(-c.Since)
	}
	bodies := []json.RawMessage{}
	for _, l := range cfg.LocationID {
		for r, err := range cfg.calls().Contacts(ctx, l, since) {
			if err != nil {
				return fmt.Errorf("contacts of location %s: %w", l, err)
			}
			bodies = append(bodies, r.Body)
			if len(bodies) == c.Limit {
				return c.print(con, bodies)
			}
		}
	}
	return c.print(con, bodies)
}

func (c *ghlContactsCmd) print(con *console, bodies []json.RawMessage) error {
	if c.Output == "json" {
		return printJSON(con.out, bodies)
	}
	rows, err := decoded[contactRow](bodies)
	if err != nil {
		return err
	}
	return printList(con, c.Output, rows)
}

// shortKey is a field's key without what all have before it.
func shortKey(key string) string { return strings.TrimPrefix(key, "contact.") }
