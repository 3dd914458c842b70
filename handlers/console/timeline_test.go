package console_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLongTimeline: of a lead with more moments than a page shows, it shows the
// newest.
func TestLongTimeline(t *testing.T) {
	const moments = 2600
	b := openOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/timeline"):
			after, _ := strconv.Atoi(r.FormValue("after"))
			_, _ = io.WriteString(w, momentsAfter(after, moments))
		case strings.HasPrefix(r.URL.Path, "/api/v1/leads/"):
			_, _ = io.WriteString(w, `{"contact_id":"c","data":[],"next":null}`)
		default:
			_, _ = io.WriteString(w, `{"data":[],"next":null}`)
		}
	}), time.Now)
	b.signIn(token)
	status, body := b.get("/console/leads/c")
	shown := strings.Count(body, "moment ")
	if status != http.StatusOK || !strings.Contains(body, "moment 2600<") || strings.Contains(body, "moment 600<") || shown != 2000 {
		t.Errorf("%d: %d moments shown of %d, want the newest 2000", status, shown, moments)
	}
}

// momentsAfter is a page of 500 lines of a timeline.
func momentsAfter(after, n int) string {
	var rows []string
	for i := after + 1; i <= min(after+500, n); i++ {
		rows = append(rows, fmt.Sprintf(`{"event_id":"evt_%d","text":"moment %d"}`, i, i))
	}
	next := "null"
	if after+500 < n {
		next = fmt.Sprintf("%q", strconv.Itoa(after+500))
	}
	return fmt.Sprintf(`{"data":[%s],"next":%s}`, strings.Join(rows, ","), next)
}
