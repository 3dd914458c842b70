package ghltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// deliveries is how often a webhook is sent where it is refused, and retryWait
// how long it waits between. GoHighLevel is slower, and more patient.
const (
	deliveries = 5
	retryWait  = time.Second
)

// Delivery is a webhook on its way.
type Delivery struct {
	Header http.Header // the signature's
	Body   []byte
}

// echoUpdate sends a contact's update back to whom it came from.
func (s *Server) echoUpdate(c Contact, fields map[string]any) {
	if s.o.Webhook.Key != nil {
		body := s.show(c)
		delete(body, "dateUpdated")
		s.deliver("ContactUpdate", c, body)
		return
	}
	s.deliver("contact.updated", c, map[string]any{
		"contact_id": c.ID, "updated_fields": map[string]any{"custom_fields": fields},
	})
}

// echoMessage tells of a message that was sent through the API.
func (s *Server) echoMessage(c Contact, kind, id, text string) {
	if !s.o.Webhook.Messages {
		return
	}
	if s.o.Webhook.Key != nil {
		s.deliver("OutboundMessage", c, map[string]any{
			"contactId": c.ID, "messageType": kind, "messageId": id, "body": text, "status": "delivered",
			"direction": "outbound", "source": "api", "dateAdded": s.o.Now().UTC().Format(iso),
		})
		return
	}
	s.deliver("message.sent", c, map[string]any{"contact_id": c.ID, "message_id": id, "channel": kind, "content": text})
}

// deliver signs a webhook and sends it, beside what is going on.
func (s *Server) deliver(kind string, c Contact, fields map[string]any) {
	w := s.o.Webhook
	if w.URL == "" && w.To == nil {
		return
	}
	d, err := s.sign(kind, c, fields)
	if err != nil {
		panic(fmt.Sprintf("ghltest: %v", err)) // a fault of ours
	}
	s.delivering.Go(func() {
		if w.To != nil {
			w.To(d)
		}
		if w.URL != "" {
			s.post(d)
		}
	})
}

func (s *Server) sign(kind string, c Contact, fields map[string]any) (d Delivery, err error) {
	w, now := s.o.Webhook, s.o.Now().UTC()
	d.Header = http.Header{"Content-Type": {"application/json"}}
	envelope := map[string]any{"type": kind, "timestamp": now.Format(iso), "webhookId": s.newID("webhook")}
	if w.Key == nil {
		envelope["data"] = fields
	} else {
		maps.Copy(envelope, fields)
		envelope["locationId"], envelope["appId"], envelope["versionId"] = c.Location, w.AppID, w.AppID
	}
	if d.Body, err = json.Marshal(envelope); err != nil {
		return d, err
	}
	if w.Key != nil {
		d.Header.Set("X-GHL-Signature", ghl.SignEd25519(w.Key, d.Body))
		return d, nil
	}
	stamp := ghl.Timestamp(now)
	d.Header.Set("X-GHL-Timestamp", stamp)
	d.Header.Set("X-GHL-Signature", ghl.SignHMAC(w.Secret, stamp, d.Body))
	return d, nil
}

// post sends a delivery until it is taken.
func (s *Server) post(d Delivery) {
	for range deliveries {
		if s.postOnce(d) {
			return
		}
		select {
		case <-time.After(retryWait):
		case <-s.closing.Done():
			return
		}
	}
}

func (s *Server) postOnce(d Delivery) (taken bool) {
	ctx, cancel := context.WithTimeout(s.closing, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Webhook.URL, bytes.NewReader(d.Body))
	if err != nil {
		return true // the address is none: nothing will help
	}
	r.Header = d.Header.Clone()
	client := s.o.Webhook.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode < 300 || resp.StatusCode == http.StatusUnauthorized
}
