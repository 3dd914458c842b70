package ghlapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// UpdateContact sets custom fields of a contact and nothing else: any other
// property could overwrite what people wrote (PUT /contacts/{id}).
func (c *Client) UpdateContact(ctx context.Context, location, contact string, fields []ghl.FieldValue) error {
	return c.do(ctx, request{
		name: "contacts.update", location: location, method: http.MethodPut, path: "/contacts/" + url.PathEscape(contact),
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
		name: "messages.send", location: location, method: http.MethodPost, path: "/conversations/messages", version: conversationsVersion, body: m,
	}, &answer)
	if answer.MessageID == "" {
		answer.MessageID = answer.EmailMessageID
	}
	return answer.MessageID, err
}

// StartWorkflow adds a contact to a workflow (POST /contacts/{id}/workflow/{id}).
func (c *Client) StartWorkflow(ctx context.Context, location, contact, workflow string) error {
	return c.do(ctx, request{
		name: "workflows.start", location: location, method: http.MethodPost,
		path: "/contacts/" + url.PathEscape(contact) + "/workflow/" + url.PathEscape(workflow), body: struct{}{},
	}, nil)
}

// CreateTask gives a user something to do about a contact (POST /contacts/{id}/tasks).
func (c *Client) CreateTask(ctx context.Context, location, contact string, t ghl.Task) error {
	return c.do(ctx, request{
		name: "tasks.create", location: location, method: http.MethodPost, path: "/contacts/" + url.PathEscape(contact) + "/tasks", body: t,
	}, nil)
}
