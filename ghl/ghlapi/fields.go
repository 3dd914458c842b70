package ghlapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// freshFor is how long what was read of a location's fields is as good as read
// anew: a thousand updates that lack a field ask together, not one by one.
const freshFor = 5 * time.Second

// definitions are a location's custom contact fields by key. Who reads them
// holds the lock meanwhile, so those who ask then share the answer.
type definitions struct {
	lock  chan struct{} // holds one; not a mutex, so that to wait for it may end
	read  time.Time     // zero: not known
	byKey map[string]ghl.Definition
}

// definitions returns a location's, locked.
func (c *Client) definitions(ctx context.Context, location string) (d *definitions, unlock func(), err error) {
	c.mu.Lock()
	d = c.known[location]
	if d == nil {
		d = &definitions{lock: make(chan struct{}, 1)}
		c.known[location] = d
	}
	c.mu.Unlock()
	select {
	case d.lock <- struct{}{}:
		return d, func() { <-d.lock }, nil
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("wait for the location's fields: %w", ctx.Err())
	}
}

// Fields returns the custom contact fields of a location by key, without the
// "contact." before it. They are read once and kept; RefreshFields reads anew.
func (c *Client) Fields(ctx context.Context, location string) (map[string]ghl.Definition, error) {
	return c.fieldsSince(ctx, location, time.Time{})
}

// RefreshFields reads the custom fields of a location from GoHighLevel, unless
// somebody did within the last five seconds.
func (c *Client) RefreshFields(ctx context.Context, location string) (map[string]ghl.Definition, error) {
	return c.fieldsSince(ctx, location, c.c.Now().Add(-freshFor))
}

func (c *Client) fieldsSince(ctx context.Context, location string, since time.Time) (map[string]ghl.Definition, error) {
	d, unlock, err := c.definitions(ctx, location)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if d.read.IsZero() || d.read.Before(since) {
		if _, err := c.readFields(ctx, location, d); err != nil {
			return nil, err
		}
	}
	return maps.Clone(d.byKey), nil
}

// CustomFields reads the custom contact fields of a location, as GoHighLevel
// lists them (GET /locations/{id}/customFields). Fields knows them from then on.
func (c *Client) CustomFields(ctx context.Context, location string) ([]ghl.Definition, error) {
	d, unlock, err := c.definitions(ctx, location)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return c.readFields(ctx, location, d)
}

func (c *Client) readFields(ctx context.Context, location string, d *definitions) ([]ghl.Definition, error) {
	var answer struct {
		CustomFields []ghl.Definition `json:"customFields"`
	}
	err := c.read(ctx, "fields.list", location, "/locations/"+url.PathEscape(location)+"/customFields?model=contact", &answer)
	if err != nil {
		return nil, err
	}
	d.byKey, d.read = map[string]ghl.Definition{}, c.c.Now()
	for _, def := range answer.CustomFields {
		d.byKey[strings.TrimPrefix(def.Key, "contact.")] = def
	}
	return answer.CustomFields, nil
}

// CreateField makes a custom contact field, and returns it as it was made.
func (c *Client) CreateField(ctx context.Context, location string, d ghl.Definition) (ghl.Definition, error) {
	var answer struct {
		CustomField ghl.Definition `json:"customField"`
	}
	err := c.do(ctx, request{
		name: "fields.create", location: location, method: http.MethodPost, path: "/locations/" + url.PathEscape(location) + "/customFields",
		body: map[string]any{"name": d.Name, "dataType": d.DataType, "model": "contact"},
	}, &answer)
	// Even where the answer was lost: it may have been made.
	if d, unlock, lerr := c.definitions(context.WithoutCancel(ctx), location); lerr == nil {
		d.read = time.Time{} // read anew, with the new one
		unlock()
	}
	return answer.CustomField, err
}
