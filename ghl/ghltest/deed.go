package ghltest

import (
	"net/http"
	"slices"
	"strings"
)

// messageTypes are the channels that a message may take
// (openapi/conversations.json, SendMessageBodyDto).
var messageTypes = []string{"SMS", "RCS", "Email", "WhatsApp", "IG", "FB", "Custom", "Live_Chat", "TIKTOK"}

func (s *Server) sendMessage(x *exchange) answer {
	kind, _ := x.fields["type"].(string)
	if !slices.Contains(messageTypes, kind) {
		return invalid("type must be one of the following values: " + strings.Join(messageTypes, ", "))
	}
	if faults := requireText(x.fields, "contactId"); faults != nil {
		return invalid(faults...)
	}
	text := messageText(x.fields)
	if text == "" {
		return refuse(http.StatusBadRequest, "There is no message or attachments for this message. Skip sending.")
	}
	c := s.find(x)
	if c == nil {
		return notFound(x)
	}
	if dnd, _ := c.Properties["dnd"].(bool); dnd {
		return refuse(http.StatusBadRequest, "Cannot send message as DND is active.")
	}
	id := s.do(x, Deed{Kind: "message", Type: kind, Text: text})
	s.echoMessage(*c, kind, id, text)
	return done(http.StatusCreated, map[string]any{
		"conversationId": identity("conversation", x.Contact), "messageId": id, "msg": "Message queued successfully.",
	})
}

// messageText is what the contact will read.
func messageText(fields map[string]any) string {
	var parts []string
	for _, name := range []string{"subject", "message", "html"} {
		if t, _ := fields[name].(string); t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, "\n")
}

func (s *Server) startWorkflow(x *exchange) answer {
	if s.find(x) == nil {
		return notFound(x)
	}
	id := x.r.PathValue("workflow")
	if known := x.at.Workflows; known != nil && !slices.ContainsFunc(known, func(w Named) bool { return w.ID == id }) {
		return refuse(http.StatusBadRequest, "The workflow id is invalid.")
	}
	s.do(x, Deed{Kind: "workflow", Text: id})
	return done(http.StatusOK, map[string]any{"succeded": true}) // sic
}

func (s *Server) createTask(x *exchange) answer {
	if s.find(x) == nil {
		return notFound(x)
	}
	faults := requireText(x.fields, "title", "dueDate")
	if _, ok := x.fields["completed"].(bool); !ok {
		faults = append(faults, "completed must be a boolean value")
	}
	if faults != nil {
		return invalid(faults...)
	}
	title, _ := x.fields["title"].(string)
	task := map[string]any{"contactId": x.Contact, "id": s.do(x, Deed{Kind: "task", Text: title})}
	for _, name := range []string{"title", "body", "dueDate", "completed", "assignedTo"} {
		if v, ok := x.fields[name]; ok {
			task[name] = v
		}
	}
	return done(http.StatusCreated, map[string]any{"task": task})
}

// do keeps a deed and returns its id.
func (s *Server) do(x *exchange, d Deed) string {
	d.ID, d.Location, d.Contact, d.At = s.newID(d.Kind), x.Location, x.Contact, x.At.UTC()
	s.deeds = append(s.deeds, d)
	return d.ID
}
