package ghlapi_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// TestConforms holds every request that the client makes against HighLevel's
// own documents (see testdata/README.md).
func TestConforms(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	server := ghltest.New(ghltest.Options{Locations: []ghltest.Location{{ID: location, Opportunities: []ghltest.Opportunity{{ID: "opportunity_1", ContactID: "contact_1", UpdatedAt: time.Now()}}}}})
	c := client(server)
	ctx := t.Context()
	fields, err := c.Fields(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := ghl.Patch{ghl.FieldScore: 87.0, ghl.FieldQuality: "hot", ghl.FieldSalePrice: 450_000.0, ghl.FieldCloseDate: "2026-03-01"}.Encode(fields)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"update": func() error { return c.UpdateContact(ctx, location, "contact_1", patch) },
		"SMS": func() error {
			_, err := c.SendMessage(ctx, location, ghl.OutMessage{Type: "SMS", ContactID: "contact_1", Message: "hi"})
			return err
		},
		"e-mail": func() error {
			_, err := c.SendMessage(ctx, location, ghl.OutMessage{Type: "Email", ContactID: "contact_1", Subject: "Hi", HTML: "<p>hi</p>"})
			return err
		},
		"workflow": func() error { return c.StartWorkflow(ctx, location, "contact_1", "workflow_1") },
		"task": func() error {
			return c.CreateTask(ctx, location, "contact_1", ghl.Task{Title: "Call", Body: "now", DueDate: time.Now(), AssignedTo: "user_1"})
		},
		"field": func() error {
			_, err := c.CreateField(ctx, location, ghl.Definition{Name: "Pet", DataType: "TEXT"})
			return err
		},
		"contact":       func() error { _, err := c.Contact(ctx, location, "contact_1"); return err },
		"contacts":      func() error { records(t, c.Contacts(ctx, location, time.Unix(1, 0))); return nil },
		"opportunity":   func() error { _, err := c.Opportunity(ctx, location, "opportunity_1"); return err },
		"opportunities": func() error { records(t, c.Opportunities(ctx, location)); return nil },
		"pipelines":     func() error { _, err := c.Pipelines(ctx, location); return err },
		"lost reasons":  func() error { _, err := c.LostReasons(ctx, location); return err },
		"calendars":     func() error { _, err := c.Calendars(ctx, location); return err },
		"workflows":     func() error { _, err := c.Workflows(ctx, location); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, call := range server.Calls() {
		if err := conforms(t, router, call); err != nil {
			t.Errorf("%s %s %s: %v", call.Method, call.Path, call.Body, err)
		}
	}
	if n := len(server.Calls()); n != 15 {
		t.Errorf("%d calls, want 15: one of each kind", n)
	}
}

func conforms(t *testing.T, router routers.Router, call ghltest.Call) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), call.Method, "http://ghl"+call.Path, bytes.NewReader(call.Body))
	if err != nil {
		return err
	}
	r.Header.Set("Version", call.Version)
	r.Header.Set("Content-Type", "application/json")
	route, params, err := router.FindRoute(r)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}
