package ghlapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// UpdateContact sets custom fields of a contact and nothing else: any other
// property could overwrite what people wrote (PUT /contacts/{id}).
func (c *Client) UpdateContact(ctx context.Context, location, contact string, fields []ghl.FieldValue) error {
	return c.do(ctx, request{
		location: location, method: http.MethodPut, path: "/contacts/" + url.PathEscape(contact),
		body: map[string]any{"customFields": fields},
	}, nil)
}

// SendMessage sends a message and returns GoHighLevel's id of it, which an
// answer may lack (POST /conversations/messages).
func (c *Client) SendMessage(ctx context.Context, location string, m ghl.OutMessage) (id string, err error) {
	var answer struct {
		MessageID      string `json:"messageId"`
		EmailMessageID string `json:"emailMessageId"`
	}
	err = c.do(ctx, request{
		location: location, method: http.MethodPost, path: "/conversations/messages", version: conversationsVersion, body: m,
	}, &answer)
	if answer.MessageID == "" {
		answer.MessageID = answer.EmailMessageID
	}
	return answer.MessageID, err
}

// StartWorkflow adds a contact to a workflow (POST /contacts/{id}/workflow/{id}).
func (c *Client) StartWorkflow(ctx context.Context, location, contact, workflow string) error {
	return c.do(ctx, request{
		location: location, method: http.MethodPost,
		path: "/contacts/" + url.PathEscape(contact) + "/workflow/" + url.PathEscape(workflow), body: struct{}{},
	}, nil)
}

// CreateTask gives a user something to do about a contact (POST /contacts/{id}/tasks).
func (c *Client) CreateTask(ctx context.Context, location, contact string, t ghl.Task) error {
	return c.do(ctx, request{
		location: location, method: http.MethodPost, path: "/contacts/" + url.PathEscape(contact) + "/tasks", body: t,
	}, nil)
}

// Fields returns the custom contact fields of a location by key, without the
// "contact." before it. They are read once and kept; RefreshFields reads anew.
func (c *Client) Fields(ctx context.Context, location string) (map[string]ghl.Definition, error) {
	c.mu.Lock()
	known, ok := c.fields[location]
	c.mu.Unlock()
	if ok {
		return maps.Clone(known), nil
	}
	return c.RefreshFields(ctx, location)
}

// RefreshFields reads the custom fields of a location from GoHighLevel.
func (c *Client) RefreshFields(ctx context.Context, location string) (map[string]ghl.Definition, error) {
	var answer struct {
		CustomFields []ghl.Definition `json:"customFields"`
	}
	err := c.do(ctx, request{
		location: location, method: http.MethodGet, reads: true,
		path: "/locations/" + url.PathEscape(location) + "/customFields?model=contact",
	}, &answer)
	if err != nil {
		return nil, err
	}
	fields := map[string]ghl.Definition{}
	for _, d := range answer.CustomFields {
		fields[strings.TrimPrefix(d.Key, "contact.")] = d
	}
	c.mu.Lock()
	c.fields[location] = fields
	c.mu.Unlock()
	return maps.Clone(fields), nil
}

// CreateField makes a custom contact field, and returns it as it was made.
func (c *Client) CreateField(ctx context.Context, location string, d ghl.Definition) (ghl.Definition, error) {
	var answer struct {
		CustomField ghl.Definition `json:"customField"`
	}
	err := c.do(ctx, request{
		location: location, method: http.MethodPost, path: "/locations/" + url.PathEscape(location) + "/customFields",
		body: map[string]any{"name": d.Name, "dataType": d.DataType, "model": "contact"},
	}, &answer)
	c.mu.Lock()
	delete(c.fields, location) // read anew, with the new one
	c.mu.Unlock()
	return answer.CustomField, err
}
