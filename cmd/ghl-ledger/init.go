package main

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/template"
)

//go:embed init.env.tmpl
var envTemplate string

type initCmd struct {
	Out        string `default:".env" help:"File to write."`
	URL        string `name:"webhook-url" default:"https://YOUR-HOST/webhooks/ghl" help:"Public address of the webhooks."`
	LocationID string `help:"Your GoHighLevel location."`
}

// Run writes the file with mode 0600, never over one that is there.
func (c *initCmd) Run(con *console) error {
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and is left as it is: move it away, or write elsewhere with --out", c.Out)
	}
	if err != nil {
		return err
	}
	values := map[string]string{"Out": c.Out, "URL": c.URL, "Location": c.LocationID}
	for _, name := range []string{"WebhookSecret", "WorkflowToken", "AdminToken", "AnalystToken"} {
		values[name] = secret()
	}
	err = template.Must(template.New("env").Parse(envTemplate)).Execute(f, values)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	return template.Must(template.New("paste").Parse(pasteText)).Execute(con.out, values)
}

// secret returns 32 random bytes as text.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

var pasteText = strings.TrimLeft(`
Wrote {{.Out}} (mode 0600) with fresh secrets. Nothing is sent to GoHighLevel yet: GHL_EFFECTS is dry-run.

In GoHighLevel, for the kind of sender that you have:

  Workflow, action "Custom Webhook"   POST {{.URL}}/workflow/contact.created
                                      header Authorization: Bearer {{.WorkflowToken}}
  Workflow, action "Webhook"          {{.URL}}/workflow/contact.created/{{.WorkflowToken}}
                                      (it cannot set headers: the address is the secret)
  Marketplace app                     Advanced settings > Webhooks: {{.URL}}
                                      then set GHL_APP_ID in {{.Out}}
  A gateway that signs with a secret  {{.URL}}
                                      X-GHL-Signature and X-GHL-Timestamp, with GHL_WEBHOOK_SECRET

For what goes back: Settings > Private Integrations, scopes contacts.readonly contacts.write
locations/customFields.readonly locations/customFields.write opportunities.readonly
conversations/message.write workflows.readonly; put the token into GHL_API_KEY and your location into GHL_LOCATION_ID.

Next: ghl-ledger config check && ghl-ledger serve
`, "\n")
