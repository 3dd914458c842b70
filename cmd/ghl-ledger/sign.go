package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

type signCmd struct {
	File      string   `arg:"" optional:"" help:"The body; standard input if not given."`
	Secret    []string `help:"HMAC secrets; GHL_WEBHOOK_SECRET if not given."`
	Timestamp string   `help:"X-GHL-Timestamp, unix seconds; now if not given."`
	Body      bool     `name:"body-only" help:"Sign the body alone, as with GHL_WEBHOOK_SIGNED=body."`
	Verify    string   `placeholder:"SIGNATURE" help:"Explain whether this signature matches, and why not."`
	Header    string   `default:"X-GHL-Signature" help:"The header that it came in: X-GHL-Signature or X-WH-Signature; of a workflow's request Authorization, X-GHL-Token, or path."`
	Output    string   `enum:"table,json" default:"table" help:"${enum}."`

	AppID      string        `name:"ghl-app-id" hidden:""`
	PublicKeys []string      `name:"ghl-webhook-public-keys" hidden:""`
	LegacyRSA  bool          `name:"ghl-accept-legacy-rsa" hidden:""`
	Signed     string        `name:"ghl-webhook-signed" hidden:"" default:"timestamp.body"`
	Secrets    []string      `name:"ghl-webhook-secret" hidden:""`
	Tokens     []string      `name:"ghl-workflow-token" hidden:""`
	Tolerance  time.Duration `name:"ghl-webhook-tolerance" hidden:"" default:"5m"`
}

// Help is what sign --help says beside its flags.
func (signCmd) Help() string {
	return `Examples:
  ghl-ledger sign body.json
  ghl-ledger sign --verify 2f1c9a --timestamp 1767225600 < body.json
  ghl-ledger sign --verify 'Bearer 5e12ab' --header Authorization < body.json`
}

// Run prints the two headers of a signed delivery, or explains one.
func (c *signCmd) Run(con *console) error {
	body, err := c.read(con.in)
	if err != nil {
		return err
	}
	if len(c.Secret) == 0 {
		c.Secret = c.Secrets
	}
	if c.Verify != "" {
		return c.explain(con, body)
	}
	if len(c.Secret) == 0 {
		return errors.New("no secret to sign with: give --secret or set GHL_WEBHOOK_SECRET")
	}
	headers := map[string]string{}
	if !c.bodyOnly() {
		if c.Timestamp == "" {
			c.Timestamp = ghl.Timestamp(time.Now())
		}
		headers["X-GHL-Timestamp"] = c.Timestamp
	}
	headers["X-GHL-Signature"] = ghl.SignHMAC(c.Secret[0], headers["X-GHL-Timestamp"], body)
	if c.Output == "json" {
		return printJSON(con.out, headers)
	}
	for _, name := range []string{"X-GHL-Signature", "X-GHL-Timestamp"} {
		if headers[name] != "" {
			fmt.Fprintf(con.out, "%s: %s\n", name, headers[name])
		}
	}
	return nil
}

func (c *signCmd) bodyOnly() bool { return c.Body || c.Signed == "body" }

func (c *signCmd) read(in io.Reader) ([]byte, error) {
	if c.File != "" && c.File != "-" {
		return os.ReadFile(c.File)
	}
	return io.ReadAll(in)
}

func (c *signCmd) explain(con *console, body []byte) error {
	cfg := Config{WebhookSecret: c.Secret, WebhookTolerance: c.Tolerance, WebhookSigned: c.Signed,
		WorkflowToken: c.Tokens, AppID: "any", PublicKeys: c.PublicKeys, LegacyRSA: c.LegacyRSA}
	if c.Body {
		cfg.WebhookSigned = "body"
	}
	keys, err := cfg.keys()
	if err != nil {
		return err
	}
	s, err := c.signature()
	if err != nil {
		return err
	}
	x := keys.Explain(s, body, time.Now())
	x.Hints = append(x.Hints, c.hints(x)...)
	if c.Output == "json" {
		err = printJSON(con.out, x)
	} else {
		err = printExplanation(con.out, x)
	}
	if err == nil && !x.Verified {
		return answerNo{errors.New("the signature does not match")}
	}
	return err
}

// signature is what is to be explained, as it came.
func (c *signCmd) signature() (s ghl.Signature, err error) {
	switch {
	case strings.EqualFold(c.Header, "X-GHL-Signature"):
		s.GHL = []string{c.Verify}
	case strings.EqualFold(c.Header, "X-WH-Signature"):
		s.WH = []string{c.Verify}
	case strings.EqualFold(c.Header, "Authorization"):
		return ghl.Signature{Workflow: true, Bearer: []string{c.Verify}}, nil
	case strings.EqualFold(c.Header, "X-GHL-Token"):
		return ghl.Signature{Workflow: true, Token: []string{c.Verify}}, nil
	case c.Header == "path":
		return ghl.Signature{Workflow: true, PathToken: c.Verify}, nil
	default:
		return s, fmt.Errorf("--header %s: want X-GHL-Signature or X-WH-Signature, or of a workflow's request Authorization, X-GHL-Token or path", c.Header)
	}
	if c.Timestamp != "" {
		s.Timestamp = []string{c.Timestamp}
	}
	return s, nil
}

// hints say what the service does otherwise: without an app it takes nothing
// that GoHighLevel's own keys signed, which is explained here nevertheless.
func (c *signCmd) hints(x ghl.Explanation) (hints []string) {
	if x.Scheme != ghl.SchemeEd25519 && x.Scheme != ghl.SchemeRSA {
		return nil
	}
	if c.Timestamp == "" && x.Scheme == ghl.SchemeEd25519 && !x.Verified {
		hints = append(hints, "without X-GHL-Timestamp it is taken for GoHighLevel's own: if the request had one, give it with --timestamp")
	}
	if c.AppID == "" {
		hints = append(hints, "GHL_APP_ID is not set: the service takes nothing that GoHighLevel's own keys signed")
	}
	return hints
}

func printExplanation(w io.Writer, x ghl.Explanation) error {
	line := func(name, v string) {
		if v != "" {
			fmt.Fprintf(w, "%-10s %s\n", name, v)
		}
	}
	verdict := "no"
	if x.Verified {
		verdict = "yes, by " + x.KeyName
	}
	line("verified", verdict)
	line("taken for", x.Scheme)
	line("reason", x.Reason)
	line("signed", x.Signed)
	line("sha256", x.SHA256)
	if !x.SignedAt.IsZero() {
		line("signed at", fmt.Sprintf("%s, %s ago", x.SignedAt.Format(time.RFC3339), time.Duration(x.Age)))
	}
	for _, e := range x.Expected {
		line("expected", fmt.Sprintf("%s with %s", e.Signature, e.KeyName))
	}
	for _, h := range x.Hints {
		line("hint", h)
	}
	return nil
}
