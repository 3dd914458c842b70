package handlers_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

const wrongToken = "wrong-token-0123456789abcdef01234567"

// callers are who may come, and with what.
var callers = []struct {
	name    string
	headers []string
}{
	{"none", nil},
	{"wrong", []string{"Authorization", "Bearer " + wrongToken}},
	{"basic", []string{"Authorization", "Basic " + adminToken}},
	{"twice", []string{"Authorization", "Bearer " + adminToken, "Authorization", "Bearer " + adminToken}},
	{"workflow", []string{"Authorization", "Bearer " + workflow}},
	{"analyst", []string{"Authorization", "Bearer " + analystToken}},
	{"admin", []string{"Authorization", "Bearer " + adminToken}},
}

// TestAuthorization is every route by every kind of caller, each from an
// address of its own, so that none is throttled for another.
func TestAuthorization(t *testing.T) {
	d := open(t, func(deps *handlers.Deps) {
		deps.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	asked := 0
	for _, route := range handlers.Routes() {
		for _, who := range callers {
			asked++
			path := strings.NewReplacer(":contact_id", "c", ":id", "evt_0", ":name", "leads", ":type", "contact.created", ":token", wrongToken, ":profile", "heap").Replace(route.Path)
			req := d.request(route.Method, path, `{}`, append(who.headers, "X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", asked/250, 1+asked%250))...)
			got, want := d.statusOf(t, req), refusalOf(route, who.name)
			if refused := got == 401 || got == 403 || got == 429; want != 0 && got != want || want == 0 && refused {
				t.Errorf("%s %s as %s: %d, want %d (0: let in)", route.Method, route.Path, who.name, got, want)
			}
		}
	}
	t.Logf("%d routes by %d callers: %d requests", len(handlers.Routes()), len(callers), asked)
	for _, s := range []string{adminToken, analystToken, workflow, wrongToken, secret} {
		if strings.Contains(d.logs.String(), s) {
			t.Errorf("the log holds %s", s)
		}
	}
}

// refusalOf is how a route refuses a caller; 0 where it lets it in. API tokens
// open no webhook, and the workflow's token opens nothing else.
func refusalOf(r handlers.Route, who string) int {
	takesEvents := r.Method == "POST" && (r.Path == "/webhooks/ghl" || strings.HasPrefix(r.Path, "/webhooks/ghl/workflow"))
	switch {
	case takesEvents && who == "workflow" && r.Path == "/webhooks/ghl/workflow/:type":
		return 0
	case takesEvents:
		return 401
	case r.Role == handlers.Nobody || who == "admin":
		return 0
	case who == "analyst" && r.Role == handlers.Administrator:
		return 403
	case who == "analyst":
		return 0
	}
	return 401
}

// statusOf asks and does not wait for an answer to end: a stream never does.
func (d *door) statusOf(t *testing.T, req *http.Request) int {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	resp, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestSigned: what the matrix refuses is taken with what it asks for.
func TestSigned(t *testing.T) {
	d := open(t)
	if got := d.signed(created); got.status != 200 {
		t.Errorf("signed: %d %s", got.status, got.text)
	}
	for path, headers := range map[string][]string{
		"/webhooks/ghl/workflow/contact.created":             {"X-GHL-Token", workflow},
		"/webhooks/ghl/workflow/contact.created/" + workflow: nil,
	} {
		if got := d.do(d.request("POST", path, `{"contact_id":"c"}`, headers...)); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
}

// TestOtherSites: a page of another site changes nothing, even with a token.
func TestOtherSites(t *testing.T) {
	d := open(t)
	for _, route := range handlers.Routes() {
		if route.Method != "POST" || route.Role == handlers.Nobody {
			continue
		}
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"}} {
			path := strings.NewReplacer(":contact_id", "c", ":id", "evt_0", ":name", "leads").Replace(route.Path)
			got := d.do(d.request("POST", path, `{}`, append(from, "Authorization", "Bearer "+adminToken)...))
			if got.status != 403 || got.at("code") != "cross_origin" {
				t.Errorf("POST %s with %v: %d %s", path, from, got.status, got.text)
			}
		}
	}
	if kinds := d.kinds(); len(kinds) != 0 {
		t.Errorf("the ledger has %v", kinds)
	}
	if got := d.do(d.request("OPTIONS", "/api/v1/effects", "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST")); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight is let pass: %v", got.header)
	}
}

// TestTokensAreComparedInConstantTime reads the code: what is secret is compared
// by crypto/subtle or hmac.Equal and never by == with anything but "".
func TestTokensAreComparedInConstantTime(t *testing.T) {
	guarded := regexp.MustCompile(`(?i)(token|secret|signature|mac)$`)
	constant, files := 0, 0
	for _, dir := range []string{".", "console", "../ghl"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			files++
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BinaryExpr:
					if (n.Op == token.EQL || n.Op == token.NEQ) && secretive(guarded, n.X, n.Y) {
						t.Errorf("%s compares a secret by %s", set.Position(n.Pos()), n.Op)
					}
				case *ast.SelectorExpr:
					if n.Sel.Name == "ConstantTimeCompare" || n.Sel.Name == "Equal" && fmt.Sprint(n.X) == "hmac" {
						constant++
					}
				}
				return true
			})
		}
	}
	if t.Logf("%d files, %d comparisons in constant time", files, constant); constant < 2 {
		t.Error("nothing is compared in constant time")
	}
}

// secretive reports whether one side is named as a secret is and the other is
// no constant.
func secretive(guarded *regexp.Regexp, x, y ast.Expr) bool {
	for _, side := range [][2]ast.Expr{{x, y}, {y, x}} {
		name := ""
		switch e := side[0].(type) {
		case *ast.Ident:
			name = e.Name
		case *ast.SelectorExpr:
			name = e.Sel.Name
		}
		_, literal := side[1].(*ast.BasicLit)
		if other, ok := side[1].(*ast.Ident); ok && other.Name == "nil" {
			literal = true
		}
		if sel, ok := side[1].(*ast.SelectorExpr); ok && strings.HasPrefix(sel.Sel.Name, "Scheme") {
			literal = true // which scheme, not whose secret
		}
		if guarded.MatchString(name) && !literal {
			return true
		}
	}
	return false
}
