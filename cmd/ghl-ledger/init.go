package main

import (
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
)

//go:embed init.env.tmpl
var envTemplate string

type initCmd struct {
	Out        string `default:".env" help:"File to write."`
	URL        string `name:"webhook-url" default:"https://YOUR-HOST/webhooks/ghl" help:"Public address of the webhooks."`
	LocationID string `help:"Your GoHighLevel location."`
	Data       string `default:"./data" placeholder:"DIR" help:"Data directory, for LEDGER_DATA_DIR; the texts of messages go to its folder templates, to be edited."`
}

// Help is what init --help says beside its flags.
func (initCmd) Help() string {
	return `Examples:
  ghl-ledger init --location-id YOUR-LOCATION --webhook-url https://hooks.example.com/webhooks/ghl`
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
	values := map[string]string{"Out": c.Out, "URL": c.URL, "Location": c.LocationID, "Data": c.dataSetting()}
	for _, name := range []string{"WebhookSecret", "WorkflowToken", "AdminToken", "AnalystToken"} {
		values[name] = secret()
	}
	err = template.Must(template.New("env").Parse(envTemplate)).Execute(f, values)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	fmt.Fprintf(con.out, "Wrote %s (mode 0600) with fresh secrets. Nothing is sent to GoHighLevel yet: GHL_EFFECTS is dry-run.\n\n", c.Out)
	if err := c.writeTexts(con); err != nil {
		return err
	}
	if err := printSenders(con.out, values["URL"], values["WorkflowToken"], c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(con.out, "\nNext: ghl-ledger config check && ghl-ledger serve")
	return err
}

// dataSetting is what .env says of the data directory: nothing of the default,
// and quotes only where they are needed, since Docker's --env-file keeps them.
func (c *initCmd) dataSetting() string {
	switch {
	case c.Data == "./data":
		return ""
	case strings.ContainsAny(c.Data, " #$'\"\\"):
		return strconv.Quote(strings.ReplaceAll(c.Data, "$", `\$`))
	}
	return c.Data
}

// writeTexts writes the built-in texts, to be edited. One that is there stays.
func (c *initCmd) writeTexts(con *console) error {
	dir := filepath.Join(c.Data, "templates")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("texts of messages: %w", err)
	}
	texts := outbox.BuiltinTemplates()
	names, err := fs.Glob(texts, "*")
	for _, name := range names {
		if err == nil {
			err = writeText(texts, name, filepath.Join(dir, name))
		}
	}
	if err != nil {
		return fmt.Errorf("texts of messages: %w", err)
	}
	fmt.Fprintf(con.out, "Wrote the texts of messages to %s: edit them before anything goes out.\n\n", dir)
	return nil
}

func writeText(texts fs.FS, name, path string) error {
	text, err := fs.ReadFile(texts, name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// secret returns 32 random bytes as text.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
