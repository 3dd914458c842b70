package main

import (
	"io"
	"strings"
	"text/template"
)

// sendersText is what to click in GoHighLevel, for each kind of sender.
var sendersText = template.Must(template.New("senders").Parse(`In GoHighLevel, for the kind of sender that you have:

  Workflow, action "Custom Webhook"   Automation > Workflows > your workflow > + > Custom Webhook
                                      method POST, URL {{.URL}}/workflow/contact.created
                                      header Authorization: Bearer {{.Token}}
  Workflow, action "Webhook"          Automation > Workflows > your workflow > + > Webhook
                                      URL {{.URL}}/workflow/contact.created/{{.Token}}
                                      (it cannot set headers: the address is the secret)
  Marketplace app                     marketplace.gohighlevel.com > your app > Advanced settings > Webhooks
                                      URL {{.URL}}
                                      then set GHL_APP_ID in {{.File}}
  A gateway that signs with a secret  URL {{.URL}}
                                      X-GHL-Signature and X-GHL-Timestamp, with GHL_WEBHOOK_SECRET

In a workflow's address, the end is the event: one of
{{.Types}}

For what goes back: Settings > Private Integrations > Create, with the scopes
{{.Scopes}}
Put the token into GHL_API_KEY and your location (Settings > Business Profile) into GHL_LOCATION_ID.
`))

// printSenders says what to click in GoHighLevel. token is the workflow's, or
// a name for it where its value should not be shown.
func printSenders(w io.Writer, url, token, file string) error {
	var names []string
	for _, s := range scopes {
		names = append(names, s.name)
	}
	return sendersText.Execute(w, map[string]string{
		"URL": url, "Token": token, "File": file,
		"Types": wrapped(strings.Fields(typeList()), 96), "Scopes": wrapped(names, 96),
	})
}

// wrapped is words in lines of at most width, each indented by two.
func wrapped(words []string, width int) string {
	text, line := "", " "
	for _, w := range words {
		if len(line)+1+len(w) > width {
			text, line = text+line+"\n", " "
		}
		line += " " + w
	}
	return text + line
}
