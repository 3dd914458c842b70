package outbox

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"strings"
	"text/template"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/projections"
)

//go:embed templates
var builtin embed.FS

// BuiltinTemplates are the texts that come with the service: for each sequence
// <name>.email.html, whose first line is its subject, and <name>.txt.
func BuiltinTemplates() fs.FS {
	sub, err := fs.Sub(builtin, "templates")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Templates are the texts of the sequences.
type Templates struct {
	zone  *time.Location
	texts map[string]*template.Template     // <name>.txt, and <name>.subject
	pages map[string]*htmltemplate.Template // <name>.email.html
}

// ParseTemplates reads the texts in dir, which may be nil, and the built-in
// ones where dir has none. Times in them are told in zone. An error names the
// file that is at fault.
func ParseTemplates(dir fs.FS, zone *time.Location) (*Templates, error) {
	t := &Templates{zone: cmp.Or(zone, time.UTC), texts: map[string]*template.Template{}, pages: map[string]*htmltemplate.Template{}}
	for name := range DefaultSequences {
		if err := t.add(dir, name); err != nil {
			return nil, err
		}
		if err := t.try(name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Templates) add(dir fs.FS, name string) error {
	text, err := readTemplate(dir, name+".txt")
	if err != nil {
		return err
	}
	if t.texts[name], err = template.New(name + ".txt").Option("missingkey=error").Parse(text); err != nil {
		return fmt.Errorf("template %w", err)
	}
	page, err := readTemplate(dir, name+".email.html")
	if err != nil {
		return err
	}
	first, body, _ := strings.Cut(page, "\n")
	subject, ok := strings.CutPrefix(first, "Subject: ")
	if !ok {
		return fmt.Errorf("template %s.email.html: the first line is not \"Subject: …\"", name)
	}
	if t.texts[name+".subject"], err = template.New(name + ".email.html").Parse(strings.TrimSpace(subject)); err != nil {
		return fmt.Errorf("template %w", err)
	}
	if t.pages[name], err = htmltemplate.New(name + ".email.html").Parse(strings.TrimSpace(body)); err != nil {
		return fmt.Errorf("template %w", err)
	}
	return nil
}

// try executes a sequence's texts once, or a name that no Letter has would be
// found when the message is due.
func (t *Templates) try(name string) error {
	letter := Letter{FirstName: "Jane", Name: "Jane Doe", Property: "1 Main Street", When: "Monday", Subject: "Hello"}
	if _, err := execute(t.texts[name], letter); err != nil {
		return err
	}
	_, err := t.email(ghl.OutMessage{}, name, letter)
	return err
}

func readTemplate(dir fs.FS, file string) (string, error) {
	if dir != nil {
		b, err := fs.ReadFile(dir, file)
		if !errors.Is(err, fs.ErrNotExist) {
			return string(b), err
		}
	}
	b, err := fs.ReadFile(BuiltinTemplates(), file)
	return string(b), err
}

// Letter is what a template may name.
type Letter struct {
	FirstName string // "there" where it is not known
	Name      string
	Property  string // the address; may be empty
	When      string // of the appointment: Thursday, January 15 at 2:00 PM UTC; may be empty
	Subject   string // of the e-mail that is answered
}

// Compose writes the message that r asks for.
func (t *Templates) Compose(r Request, lead projections.Lead) (ghl.OutMessage, error) {
	m := ghl.OutMessage{ContactID: lead.ContactID, Type: "SMS"}
	switch {
	case r.Via == viaEmail:
		m.Type = "Email"
	case r.Via == viaReply && r.Data != nil:
		m.Type = messageTypes[r.Data.Channel]
	}
	if m.Type == "" || t.texts[r.Sequence] == nil {
		return m, fmt.Errorf("sequence %s via %s: nothing to send", r.Sequence, r.Via)
	}
	letter := t.letter(r, lead)
	if m.Type == "Email" {
		return t.email(m, r.Sequence, letter)
	}
	text, err := execute(t.texts[r.Sequence], letter)
	m.Message = text
	return m, err
}

func (t *Templates) email(m ghl.OutMessage, name string, l Letter) (ghl.OutMessage, error) {
	var page bytes.Buffer
	if err := t.pages[name].Execute(&page, l); err != nil {
		return m, fmt.Errorf("template %w", err)
	}
	subject, err := execute(t.texts[name+".subject"], l)
	m.HTML, m.Subject = page.String(), strings.Join(strings.Fields(subject), " ")
	return m, err
}

func execute(t *template.Template, l Letter) (string, error) {
	var text strings.Builder
	if err := t.Execute(&text, l); err != nil {
		return "", fmt.Errorf("template %w", err)
	}
	return strings.TrimSpace(text.String()), nil
}

func (t *Templates) letter(r Request, lead projections.Lead) Letter {
	l := Letter{FirstName: cmp.Or(lead.FirstName, "there"), Name: nameOf(lead)}
	if r.Data == nil {
		return l
	}
	l.Property, l.Subject = r.Data.Property, r.Data.Subject
	if !r.Data.Start.IsZero() {
		l.When = r.Data.Start.In(t.zone).Format("Monday, January 2 at 3:04 PM MST")
	}
	return l
}
