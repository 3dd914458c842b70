package handlers_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// raw sends bytes over a connection of its own and reads the answers to the end.
func (d *door) raw(text string) []*http.Response {
	d.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(d.base, "http://"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		d.t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	var answers []*http.Response
	for br := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return answers
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(strings.NewReader(string(b)))
		answers = append(answers, resp)
	}
}

// TestFraming sends what no client library would.
func TestFraming(t *testing.T) {
	ts := ghl.Timestamp(time.Now())
	sig := "X-GHL-Timestamp: " + ts + "\r\nX-GHL-Signature: " + ghl.SignHMAC(secret, ts, []byte(created)) + "\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(created), created)
	post := func(headers, body string) string {
		return "POST /webhooks/ghl HTTP/1.1\r\nHost: x\r\n" + sig + headers + "\r\n" + body
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(created))
	for _, tt := range []struct {
		name, text string
		want       []int
	}{
		{"length", post(length, created), []int{200}},
		{"chunked", post("Transfer-Encoding: chunked\r\n", chunked), []int{200}},
		{"both", post("Transfer-Encoding: chunked\r\n"+length, chunked), []int{400}},
		{"both, the other way round", post(length+"transfer-encoding: chunked\r\n", chunked), []int{400}},
		{"both, behind another request", post(length, created) + post(length+"Transfer-Encoding: chunked\r\n", chunked), []int{400}},
		{"two on one connection", post(length, created) + post(length, created), []int{200, 200}},
		{"nothing after chunked", post("Transfer-Encoding: chunked\r\n", chunked) + post(length, created), []int{200}},
		{"two lengths", post(length+"Content-Length: 1\r\n", created), []int{400}},
		{"signed length", post("Content-Length: +5\r\n", "12345"), []int{400}},
		{"folded length, before both", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Content-Length: 9999\r\n\r\n" + post(length+"Transfer-Encoding: chunked\r\n", chunked), []int{400}},
		{"length on a folded line", post(strings.Replace(length, ": ", ":\r\n\t", 1), created) + post(length+"Transfer-Encoding: chunked\r\n", chunked), []int{400}},
		{"malformed chunks", post("Transfer-Encoding: chunked\r\n", "zz\r\n"), []int{400}},
		{"chunks that break off", post("Transfer-Encoding: chunked\r\n", chunked[:20]), []int{429}},
		{"a body that breaks off", post(length, created[:20]), []int{429}},
		{"unknown encoding", post("Transfer-Encoding: gzip\r\n", ""), []int{501}},
		{"long header", post("X-Long: "+strings.Repeat("x", 20<<10)+"\r\n"+length, created), []int{431}},
		{"very long header", post("X-Long: "+strings.Repeat("x", 1<<20)+"\r\n"+length, created), []int{431}},
		{"PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{405}},
		{"star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", []int{405}},
		{"dots", "GET /webhooks/../api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n", []int{404}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t)
			answers := d.raw(tt.text)
			var got []int
			for _, a := range answers {
				got = append(got, a.StatusCode)
				var body struct{ Status string }
				if err := json.NewDecoder(a.Body).Decode(&body); err != nil || body.Status == "" {
					t.Errorf("answer %d is not ours: %v", a.StatusCode, err)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("statuses %v, want %v", got, tt.want)
			}
		})
	}
}
