//go:build browser

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	dialogs "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
)

// hostile goes into every field that a sender may fill.
const hostile = `"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}' javascript:alert(3)` + "\u0000\u202e"

const hostileID = `"><img src=x onerror=alert(4)>&/../%2e%2e`

// TestConsole looks at the console as a person does, in a real browser.
// Pictures of every page are left in .artifacts.
func TestConsole(t *testing.T) {
	b := openBrowser(t)
	s := newTestTrial(t)
	b.signIn(s)
	b.pictures(s, "empty")
	s.sandbox.Fault(ghltest.Fault{Method: "PUT", Contact: refused, Status: 422, Message: "no such field", Times: 2})
	if err := (&teller{trial: s, out: io.Discard}).tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("an event appears live and leads to its effect", func(t *testing.T) { b.in(t).watch(s) })
	t.Run("a dead letter is sent again", func(t *testing.T) { b.in(t).redrive(s) })
	t.Run("a rebuild moves its bar", func(t *testing.T) { b.in(t).rebuild(s) })
	t.Run("hostile strings stay text", func(t *testing.T) { b.in(t).hostile(s) })
	b.pictures(s, "full")
	b.calm()
}

// newTestTrial is a trial that ends with the test.
func newTestTrial(t *testing.T) *trial {
	s, err := newTrial(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tab is a browser tab, and what went wrong in it.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       *sync.Mutex
	troubles *[]string
}

func openBrowser(t *testing.T) *tab {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &tab{t: t, ctx: ctx, mu: &sync.Mutex{}, troubles: &[]string{}}
	if err := chromedp.Listen(ctx, b.listen); err != nil { // which starts the browser
		t.Fatal(err)
	}
	return b
}

// listen notes dialogs, console errors and refusals of the content policy.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *dialogs.EventJavascriptDialogOpening:
		*b.troubles = append(*b.troubles, "dialog: "+e.Message)
		go func() {
			_, _ = chromedp.Call(b.ctx, dialogs.HandleJavaScriptDialog, dialogs.HandleJavaScriptDialogParams{})
		}()
	case *runtime.EventExceptionThrown:
		*b.troubles = append(*b.troubles, "exception: "+e.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError {
			*b.troubles = append(*b.troubles, "console: "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// calm fails the test if anything went wrong in the tab.
func (b *tab) calm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range *b.troubles {
		b.t.Error(trouble)
	}
}

func (b *tab) in(t *testing.T) *tab {
	in := *b
	in.t = t
	return &in
}

// do runs steps in the tab, and fails the test if they take too long.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// evaluate runs a script in the page.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", script, err)
	}
	return v
}

func (s *trial) console(path string) string {
	return "http://" + s.doors.admin.Addr().String() + "/console" + path
}

func (b *tab) signIn(s *trial) {
	b.do(chromedp.Navigate(s.console("/events")), chromedp.SendKeys(chromedp.CSS("#token"), "wrong"), chromedp.Submit(chromedp.CSS("#token")),
		chromedp.WaitVisible(chromedp.CSS(`[role=alert]`)))
	b.mu.Lock()
	*b.troubles = nil // the browser logs the 401
	b.mu.Unlock()
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), s.cfg.AdminToken), chromedp.Submit(chromedp.CSS("#token")), chromedp.WaitVisible(chromedp.CSS(`nav [aria-current=page]`)))
}

// watch has an event delivered while its page is open.
func (b *tab) watch(s *trial) {
	b.do(chromedp.Navigate(s.console("/events")), chromedp.WaitVisible(chromedp.CSS("[data-live]")))
	r, err := s.deliver(b.t.Context(), []byte(`{"type":"contact.created","data":{"contact_id":"contact_live","first_name":"Live","email":"live@example.com"}}`))
	if err != nil || r.HTTP != 200 {
		b.t.Fatalf("%v %v", r, err)
	}
	row := fmt.Sprintf(`tr.fresh a[href$=%q]`, r.Data.EventID)
	b.do(chromedp.WaitVisible(chromedp.CSS(row)))
	b.settled(s)
	b.do(chromedp.Click(chromedp.CSS(row)), chromedp.WaitVisible(chromedp.CSS(`a[href*="/console/effects/"]`)),
		chromedp.Click(chromedp.CSS(`a[href*="/console/effects/"]`)), chromedp.WaitVisible(chromedp.CSS(`h1 .state.delivered`)))
}

func (b *tab) settled(s *trial) {
	b.t.Helper()
	if err := s.settle(b.t.Context(), 0); err != nil {
		b.t.Fatal(err)
	}
}

// redrive sends the story's dead letter again, which goes through this time.
func (b *tab) redrive(s *trial) {
	letter := `a[href*="/console/effects/"]`
	b.do(chromedp.Navigate(s.console("/dead-letters")), chromedp.Click(chromedp.CSS(`button[name=preview]`)), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	b.do(chromedp.Click(chromedp.CSS(letter)), chromedp.Click(chromedp.CSS(`form[action$="/retry"] button`)), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	b.settled(s)
	b.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS(`h1 .state.delivered`)))
}

// rebuild starts one and sees its generation change.
func (b *tab) rebuild(s *trial) {
	b.do(chromedp.Navigate(s.console("/projections")), chromedp.Click(chromedp.CSS(`tr[data-view=leads] form[action$="/rebuild"] button`)), chromedp.WaitVisible(chromedp.CSS("[role=status]")),
		chromedp.WaitVisible(chromedp.Search(`//tr[@data-view="leads"]//td[@data-generation and text()="2"]`)))
}

// hostile fills every field with what a page must not take for its own.
func (b *tab) hostile(s *trial) {
	for _, body := range hostileBodies() {
		r, err := s.deliver(b.t.Context(), body)
		if err != nil {
			b.t.Fatal(err)
		}
		if r.HTTP != 200 && r.HTTP != 400 {
			b.t.Fatalf("%d %s for %s", r.HTTP, r.Message, body)
		}
	}
	b.settled(s)
	b.do(chromedp.Navigate(s.console("/leads?q=onerror")), chromedp.WaitVisible(chromedp.CSS(`td a[href*="/console/leads/"]`)),
		chromedp.Click(chromedp.CSS(`td a[href*="/console/leads/"]`)), chromedp.WaitVisible(chromedp.CSS(".timeline")))
	b.do(chromedp.Navigate(s.console("/leads/%22%3E%3Cscript%3E")), chromedp.WaitVisible(chromedp.CSS("h1")))
	b.mu.Lock()
	*b.troubles = slicesWithout(*b.troubles, "404")
	b.mu.Unlock()
}

func slicesWithout(list []string, part string) (rest []string) {
	for _, s := range list {
		if !strings.Contains(s, part) {
			rest = append(rest, s)
		}
	}
	return rest
}

func hostileBodies() [][]byte {
	fields := map[string]any{}
	for _, name := range []string{"contact_id", "first_name", "last_name", "email", "phone", "source", "content", "message_id", "channel",
		"opportunity_id", "name", "pipeline", "status", "reason", "property_address", "appointment_id", "appointment_type", "feedback", "campaign_id", "url", "device"} {
		fields[name] = hostile
		if strings.HasSuffix(name, "_id") {
			fields[name] = hostileID // control characters in an id are refused
		}
	}
	var bodies [][]byte
	for _, kind := range []string{"contact.created", "message.received", "opportunity.created", "opportunity.lost", "appointment.missed", "campaign.clicked", hostile} {
		bodies = append(bodies, jsonOf(map[string]any{"type": kind, "data": fields}))
	}
	return append(bodies, jsonOf(map[string]any{"type": "contact.created", "data": map[string]any{hostile: hostile}}))
}

func jsonOf(v any) []byte {
	var b bytes.Buffer
	if err := printJSON(&b, v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// pictures takes every page at both widths, light and dark, and finds text that
// is cut off or a page that scrolls sideways.
func (b *tab) pictures(s *trial, state string) {
	paths := []string{"", "/events", "/leads", "/effects", "/dead-letters", "/quarantine", "/projections", "/outcomes", "/models", "/export", "/audit"}
	if state == "full" {
		paths = append(paths, "/leads/contact_maria", "/events/"+b.first(s, "/events", "/console/events/evt_"), "/effects/"+b.first(s, "/effects", "/console/effects/evt_"))
	}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 900}, {"phone", 390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(size.width, size.height))
			b.prefer(scheme)
			for _, path := range paths {
				b.picture(s.console(path), strings.Join([]string{state, name(path), size.name, scheme}, "-"))
			}
		}
	}
	b.do(chromedp.EmulateViewport(1280, 900))
}

func (b *tab) prefer(scheme string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		b.t.Fatal(err)
	}
}

func name(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 1 {
		return strings.TrimSuffix(parts[0], "s")
	}
	if parts[0] == "" {
		return "overview"
	}
	return parts[0]
}

// first returns the end of the first link on a page that begins so.
func (b *tab) first(s *trial, path, prefix string) string {
	b.do(chromedp.Navigate(s.console(path)), chromedp.WaitVisible(chromedp.CSS(fmt.Sprintf(`a[href^=%q]`, prefix))))
	return evaluate[string](b, fmt.Sprintf(`document.querySelector('a[href^=%q]').pathname.split("/").pop()`, prefix))
}

// overflows lists what is wider than the page or than its own box.
const overflows = `(() => {
  const wide = [];
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page: " + document.documentElement.scrollWidth + " of " + innerWidth);
  for (const e of document.querySelectorAll("main *")) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width || style.position === "absolute") continue;
    if (box.right > innerWidth + 1 && !e.closest("thead, svg")) wide.push(e.tagName + " " + e.className + ": " + e.textContent.slice(0, 40));
    if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible" && e.children.length === 0 && !["INPUT", "SELECT"].includes(e.tagName)) wide.push("cut off: " + e.textContent.slice(0, 40));
  }
  return wide;
})()`

func (b *tab) picture(url, file string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("h1")))
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, w := range evaluate[[]string](b, overflows) {
		b.t.Errorf("%s: %s", file, w)
	}
	dir := filepath.Join("..", "..", ".artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file+".png"), shot, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
