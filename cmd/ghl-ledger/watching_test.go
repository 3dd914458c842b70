//go:build browser

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// ballast is how many entries a rebuild has to fold for its bar to be seen.
const ballast = 20_000

// noted keeps every value that the bar of the leads view shows.
const noted = `(() => {
  const bar = document.querySelector('tr[data-view=leads] progress');
  window.noted = bar.hidden ? [] : [bar.value];
  new MutationObserver(() => { if (!bar.hidden) window.noted.push(bar.value); }).observe(bar, {attributes: true});
})()`

// rebuild starts one, sees its bar move and its generation change.
func (b *tab) rebuild(s *trial) {
	b.weigh(s)
	b.do(chromedp.Navigate(s.console("/projections")), chromedp.Click(chromedp.CSS(`tr[data-view=leads] form[action$="/rebuild"] button`)),
		chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	evaluate[any](b, noted)
	b.within(time.Minute, chromedp.WaitVisible(chromedp.Search(`//tr[@data-view="leads"]//td[@data-generation and text()="2"]`)))
	values := evaluate[[]float64](b, "window.noted")
	between := slices.DeleteFunc(slices.Compact(slices.Clone(values)), func(v float64) bool { return v <= 0 || v >= 100 })
	if b.t.Logf("the bar showed %.0f", values); len(between) < 2 || !slices.IsSorted(between) {
		b.t.Errorf("the bar did not move: %.1f", values)
	}
}

// weigh puts entries into the ledger that nothing follows from.
func (b *tab) weigh(s *trial) {
	b.t.Helper()
	for i := 0; i < ballast; i += 1000 {
		drafts := make([]ledger.Draft, 1000)
		for j := range drafts {
			drafts[j] = ledger.Draft{Kind: "unknown.ballast", Key: fmt.Sprint("ballast ", i+j), Location: trialLocation, Occurred: time.Now(), Body: []byte(`{}`)}
		}
		if _, err := s.service.ledger.Append(b.t.Context(), drafts...); err != nil {
			b.t.Fatal(err)
		}
	}
	b.settled(s)
}

// download chooses an export, looks at its first rows and saves it as a file.
func (b *tab) download(s *trial) {
	if !slices.ContainsFunc(handlers.Routes(), func(r handlers.Route) bool { return r.Method == http.MethodGet && r.Path == "/api/v1/export" }) {
		b.t.Skip("this service has no export")
	}
	dir := b.t.TempDir()
	if _, err := chromedp.Call(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Navigate(s.console("/export?dataset=events&format=jsonl")), chromedp.WaitVisible(chromedp.CSS("main pre")),
		chromedp.Click(chromedp.CSS(`button[formaction="/console/download"]`)))
	path := filepath.Join(dir, "events.jsonl")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the browser saves it when it likes
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			first, _, _ := strings.Cut(string(text), "\n")
			if b.t.Logf("events.jsonl: %d lines, %.80s…", strings.Count(string(text), "\n"), first); !strings.Contains(first, `"seq":1`) {
				b.t.Errorf("the export begins %s", first)
			}
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no %s was saved", path)
		}
	}
}
