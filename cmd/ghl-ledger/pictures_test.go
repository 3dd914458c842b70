//go:build browser

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pictures takes every page at both widths, light and dark, and finds text that
// is cut off or a page that scrolls sideways.
func (b *tab) pictures(s *trial, state string) {
	paths := []string{"", "/events", "/leads", "/effects", "/dead-letters", "/quarantine", "/projections", "/outcomes", "/models", "/export", "/audit"}
	if state == "full" {
		paths = append(paths, "/leads/contact_maria", "/quarantine/"+b.first(s, "/quarantine", "/console/quarantine/evt_"), "/events/"+b.first(s, "/events", "/console/events/evt_"), "/effects/"+b.first(s, "/effects", "/console/effects/evt_"))
	}
	b.picturesOf(s, state, paths...)
}

// dump is what a template prints of a value that it was not meant to.
var dump = regexp.MustCompile(`.{0,40}(\+0000 UTC|<nil>|%!\w|\bmap\[|\[\{|0x[0-9a-f]{8}).{0,40}`)

// picturesOf is pictures of some pages, as they are now.
func (b *tab) picturesOf(s *trial, state string, paths ...string) {
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
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 1 {
		return strings.TrimSuffix(parts[0], "s") + "-one"
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

// overflows lists what is wider than the page or than its own box, and texts
// that stand on one another.
const overflows = `(() => {
  const wide = [];
  if (document.documentElement.scrollWidth > innerWidth) wide.push("the page: " + document.documentElement.scrollWidth + " of " + innerWidth);
  for (const e of document.querySelectorAll("main *")) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width || style.position === "absolute") continue;
    if (box.right > innerWidth + 1 && !e.closest("thead, svg")) wide.push(e.tagName + " " + e.className + ": " + e.textContent.slice(0, 40));
    if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible" && e.children.length === 0 && !["INPUT", "SELECT", "PRE"].includes(e.tagName)) wide.push("cut off: " + e.textContent.slice(0, 40));
  }
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walker.nextNode());) {
    const e = n.parentElement, style = getComputedStyle(e);
    if (!n.data.trim() || style.visibility === "hidden" || e.closest("pre, option, script, style, thead") || style.position === "absolute") continue;
    const range = document.createRange();
    range.selectNodeContents(n);
    for (const r of range.getClientRects()) if (r.width > 1 && r.height > 1) texts.push([r, n.data.trim().slice(0, 30), n]);
  }
  texts.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length && texts[j][0].top < texts[i][0].bottom - 4; j++) {
    const [a, x, m] = texts[i], [b, y, n] = texts[j];
    if (m !== n && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5) wide.push("on one another: " + x + " / " + y);
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
	if text := evaluate[string](b, `document.querySelector("main").innerText`); dump.MatchString(text) {
		b.t.Errorf("%s shows a value of the program as it is: %s", file, dump.FindString(text))
	}
	dir := filepath.Join("..", "..", ".artifacts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file+".png"), shot, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
