package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

//go:embed templates
var templateFiles embed.FS

// page is what one page shows.
type page struct {
	Name  string // of its template
	Title string
	Nav   string // the entry of the menu that it belongs to; Name where empty
	Data  any
}

// frame is what the layout shows around a page.
type frame struct {
	page
	Role string // "" before signing in
	Said notice
	Here string // this page's address, for forms to come back to
	Menu []entry
}

// entry is one line of the menu.
type entry struct {
	Name, Path, Text string
}

var menu = []entry{
	{"overview", "/console", "Overview"},
	{"events", "/console/events", "Events"},
	{"leads", "/console/leads", "Leads"},
	{"effects", "/console/effects", "Effects"},
	{"dead-letters", "/console/dead-letters", "Dead letters"},
	{"quarantine", "/console/quarantine", "Quarantine"},
	{"projections", "/console/projections", "Projections"},
	{"outcomes", "/console/outcomes", "Outcomes"},
	{"models", "/console/models", "Models"},
	{"export", "/console/export", "Export"},
	{"audit", "/console/audit", "Audit"},
}

// parseTemplates returns the pages by name. New calls it, and not the package's
// start: every command of the program would wait for it.
func parseTemplates() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // they are embedded
	}
	all := map[string]*template.Template{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name != "layout" && name != "parts" {
			all[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+f.Name()))
		}
	}
	return all
}

// render writes a page. What it shows is never a template's own text: html/template
// escapes all of it.
func (c *console) render(w http.ResponseWriter, q *request, p page) {
	if p.Nav == "" {
		p.Nav = p.Name
	}
	f := frame{page: p, Here: q.URL.RequestURI(), Menu: menu}
	if q.s != nil {
		f.Role, f.Said = q.s.Role, c.sessions.hear(q.s)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var b bytes.Buffer
	if err := c.templates[p.Name].ExecuteTemplate(&b, "layout.html", f); err != nil {
		c.Logger.Error("console page not rendered", "page", p.Name, "err", err)
		http.Error(w, "This page could not be rendered; the log has the cause.", http.StatusInternalServerError)
		return
	}
	if t, ok := p.Data.(troubleData); ok {
		w.WriteHeader(t.Status)
	}
	_, _ = w.Write(b.Bytes()) // the browser is gone: there is nobody to tell
}

// troubleData is what a page shows instead, when the API said no.
type troubleData struct {
	Status int
	Text   string
}

func trouble(err error) page {
	return page{Name: "trouble", Title: "Not possible", Data: troubleData{statusOf(err), err.Error()}}
}

var funcs = template.FuncMap{
	"ago": ago, "at": clock, "day": day, "due": due, "short": short, "num": number, "score": score, "signed": signed, "percent": percent,
	"bytes": bytesText, "pretty": pretty, "seg": url.PathEscape, "query": query, "title": title, "plural": plural, "joined": joined,
	"list": func(items ...string) []string { return items }, "value": value, "model": scoring.NameOf, "budget": scoring.BudgetInWords, "move": scoring.TimelineInWords,
}

// ago says how long ago it was, in the largest unit that fits.
func ago(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return span(time.Since(*t)) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(0, d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock is a time to the second, UTC.
func clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("Jan 2, 2006")
}

// due says when something is to be done.
func due(t time.Time) string {
	if d := time.Until(t); d > 0 {
		return "in " + span(d)
	}
	return "now"
}

// short is the end of an id, by which people tell them apart.
func short(id string) string {
	if len(id) <= 10 {
		return id
	}
	return "…" + id[len(id)-6:]
}

func number(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func score(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *v)
}

func signed(v float64) string { return fmt.Sprintf("%+.2f", v) }

func percent(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }

func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// pretty is a body as people read JSON; as it came where it is none.
func pretty(body string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(body), "", "  ") != nil {
		return body
	}
	return b.String()
}

// query joins names and values to the query of a link, without the empty ones.
// Encode leaves nothing that could be more than a query; as a plain string the
// template would escape the = and & between them once more.
func query(pairs ...string) template.URL {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return template.URL(v.Encode())
}

func title(s string) string {
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(float64(n)) + " " + many
}

func joined(list []string) string { return strings.Join(list, ", ") }

// value is a member of a JSON object as people read it.
func value(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// round2 is v at two decimals: a coordinate of a chart.
func round2(v float64) float64 { return math.Round(v*100) / 100 }
