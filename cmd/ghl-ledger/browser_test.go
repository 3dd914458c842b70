//go:build browser

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

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
	b.picturesOf(s, "refused", "", "/dead-letters", "/effects?state=dead", "/events?kind=contact.created")
	t.Run("a dead letter is sent again", func(t *testing.T) { b.in(t).redrive(s) })
	t.Run("hostile strings stay text", func(t *testing.T) { b.in(t).hostile(s) })
	b.pictures(s, "full")
	t.Run("an export is downloaded", func(t *testing.T) { b.in(t).download(s) })
	t.Run("a rebuild moves its bar", func(t *testing.T) { b.in(t).rebuild(s) })
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
	b.within(20*time.Second, steps...)
}

func (b *tab) within(limit time.Duration, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limit)
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
