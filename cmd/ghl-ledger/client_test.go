package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// ask runs a command against a service that h plays.
func ask(t *testing.T, h http.HandlerFunc, args ...string) (code int, out, errOut string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	var o, e bytes.Buffer
	environ := []string{"LEDGER_URL=" + server.URL, "LEDGER_ADMIN_TOKEN=" + testToken}
	code = run(t.Context(), args, environ, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestListFollowsPages lists more than the API gives at once.
func TestListFollowsPages(t *testing.T) {
	const all = 1203
	var asked []string
	service := func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("limit")+" after "+q.Get("after"))
		limit, _ := strconv.Atoi(q.Get("limit"))
		first, _ := strconv.Atoi(q.Get("after"))
		items := []map[string]any{}
		for n := first + 1; n <= min(first+limit, all); n++ {
			items = append(items, map[string]any{"id": fmt.Sprint("evt_", n)})
		}
		answer := map[string]any{"data": items, "next": nil}
		if first+limit < all {
			answer["next"] = fmt.Sprint(first + limit)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}
	for _, tt := range []struct {
		limit string
		want  int
		asked string
	}{
		{"0", all, "[500 after  500 after 500 500 after 1000]"},
		{"700", 700, "[500 after  200 after 500]"},
		{"3", 3, "[3 after ]"},
	} {
		asked = nil
		code, out, errOut := ask(t, service, "events", "list", "--limit", tt.limit, "--output", "json")
		var got page
		if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || len(got.Data) != tt.want {
			t.Errorf("--limit %s: %d items, code %d, %v, %s; want %d", tt.limit, len(got.Data), code, err, errOut, tt.want)
		}
		if fmt.Sprint(asked) != tt.asked {
			t.Errorf("--limit %s asked for %v, want %s", tt.limit, asked, tt.asked)
		}
		if (got.Next == nil) != (tt.want == all) {
			t.Errorf("--limit %s: next is %v", tt.limit, got.Next)
		}
	}
}

// TestTailGoesOn breaks the stream after each entry: tail connects again, after
// the last that it printed.
func TestTailGoesOn(t *testing.T) {
	var asked []string
	service := func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		fmt.Fprintf(w, ": stream\n\nid: evt_%d\nevent: entry\ndata: {\"id\":\"evt_%[1]d\",\"kind\":\"contact.created\"}\n\n", len(asked))
	}
	code, out, errOut := ask(t, service, "events", "tail", "--limit", "2", "--after", "0")
	if code != 0 || strings.Count(out, "contact.created") != 2 {
		t.Errorf("tail ended with %d:\n%s%s", code, out, errOut)
	}
	if got := fmt.Sprint(asked); got != "[0 evt_1]" {
		t.Errorf("it asked for what comes after %s, want [0 evt_1]", got)
	}
}

// TestRebuildWaits plays a rebuild that begins late: it is over when the new
// generation serves, and not before.
func TestRebuildWaits(t *testing.T) {
	states := []string{
		`"generation":1,"state":"live"`, // asked before
		`"generation":1,"state":"live"`, // begun, not seen yet
		`"generation":1,"state":"rebuilding","rebuild":{"percent":40,"seq":4,"target":10}`,
		`"generation":2,"state":"live"`,
		`"generation":2,"state":"live"`,
	}
	service := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, "{}")
			return
		}
		fmt.Fprintf(w, `{"data":[{"name":"leads","seq":10,"head":10,%s}],"next":null}`, states[0])
		states = states[min(1, len(states)-1):]
	}
	code, out, errOut := ask(t, service, "projections", "rebuild", "leads", "--yes")
	if code != 0 || out != "leads serves generation 2, at entry 10 of 10\n" {
		t.Errorf("got %d %q %q", code, out, errOut)
	}
	states = []string{`"generation":1`, `"generation":1,"state":"halted","error":"no space"`}
	code, _, errOut = ask(t, service, "projections", "rebuild", "leads", "--yes")
	if code != exitUsage || !strings.Contains(errOut, "projection leads halted: no space") {
		t.Errorf("a halted view: got %d %q", code, errOut)
	}
}

// TestAnswers holds the answers of a service to exit codes and words.
func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   int
		says   string
	}{
		{"a problem", 400, `{"error":"Bad parameter","message":"since: want a time","code":"bad_parameter"}`, 2, "400 Bad parameter: since: want a time"},
		{"no token of it", 401, `{"error":"Unauthorized","message":"…","code":"unauthorized"}`, 2, "does not take this token: set LEDGER_ADMIN_TOKEN"},
		{"analyst", 403, `{"error":"Forbidden","message":"this takes the admin token","code":"forbidden"}`, 2, "403 Forbidden: this takes the admin token"},
		{"not there", 404, `{"error":"Not found","message":"…","code":"not_found"}`, 1, "there is no lead contact_1"},
		{"state", 409, `{"error":"Not possible now","message":"it was sent","code":"wrong_state"}`, 1, "lead contact_1: the service answered 409 Not possible now: it was sent"},
		{"a part missing", 501, `{"error":"Not configured","message":"no","code":"not_configured"}`, 2, "501 Not configured"},
		{"a proxy", 502, `<html>Bad Gateway</html>`, 2, "not our API's JSON"},
		{"another program", 200, `<html>It works!</html>`, 2, "is LEDGER_URL the admin listener?"},
	} {
		code, out, errOut := ask(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}, "leads", "show", "contact_1")
		if code != tt.code || !strings.Contains(errOut, tt.says) || out != "" {
			t.Errorf("%s: got %d %q %q, want %d %q", tt.name, code, out, errOut, tt.code, tt.says)
		}
	}
}
