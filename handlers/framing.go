package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// heads watches the bytes of an HTTP/1 connection for a request that has both
// Content-Length and Transfer-Encoding. net/http follows the second and drops
// the first without a word, so a handler cannot see it; a proxy before us that
// follows the first would be made to smuggle. A folded header is refused alike,
// for no two servers read it the same. After a chunked request nothing is
// watched: observed closes its connection.
//
// Read is never called twice at once by net/http, so only bad is shared.
type heads struct {
	bad  atomic.Bool
	done bool   // no more is watched
	skip int64  // bytes of a body still to come
	head []byte // of the request that is being read, as far as it came
}

func (h *heads) watch(p []byte) {
	for len(p) > 0 && !h.done {
		if h.skip > 0 {
			n := min(h.skip, int64(len(p)))
			h.skip, p = h.skip-n, p[n:]
			continue
		}
		p = h.readHead(p)
	}
}

// readHead adds p to the head and returns what comes after the head's end.
func (h *heads) readHead(p []byte) []byte {
	before := len(h.head)
	h.head = append(h.head, p...)
	end := headEnd(h.head)
	if end < 0 {
		h.done = len(h.head) > 2*maxHeaderBytes // net/http has answered 431 by then
		return nil
	}
	h.judge(h.head[:end])
	h.head = h.head[:0]
	return p[end-before:]
}

// headEnd returns where the empty line ends that ends the head, or -1. Lines
// end with LF, with or without CR, as net/http has it.
func headEnd(b []byte) int {
	for i := 0; ; i++ {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return -1
		}
		line := bytes.TrimSuffix(b[i:i+nl], []byte("\r"))
		if i += nl; len(line) == 0 && i > 1 { // empty lines before a request are skipped by net/http
			return i + 1
		}
	}
}

// judge reads the lengths that a head gives.
func (h *heads) judge(head []byte) {
	var length, chunked bool
	for line := range bytes.Lines(head) {
		if line[0] == ' ' || line[0] == '\t' { // net/http unfolds it: what it takes for a length is not what stands here
			h.done = true
			h.bad.Store(true)
			return
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-length":
			length = true
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			h.done = h.done || err != nil || n < 0 // net/http answers 400
			h.skip = max(n, 0)
		case "transfer-encoding":
			chunked = true
		}
	}
	if chunked {
		h.done = true
		h.bad.Store(length)
	}
}

// plainHeaders follows the status line of what net/http answers by itself.
const plainHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// plainRefusal returns the refusal of net/http in p as one of ours, or nil if p
// is none.
func plainRefusal(p []byte) []byte {
	status, _, found := bytes.Cut(p[:min(len(p), 512)], []byte(plainHeaders))
	if !found || bytes.ContainsAny(status, "\r\n") || len(status) < len("HTTP/1.1 400") {
		return nil
	}
	problem := Problem{Short: "Bad request", Code: "bad_request", Message: "The request is not valid HTTP."}
	switch code := string(status[9:12]); code {
	case "431":
		problem = headersTooLarge
	case "501":
		problem.Short, problem.Code = "Not implemented", "transfer_encoding"
	}
	body, _ := json.Marshal(problemBody{Status: "error", Error: problem.Short, Message: problem.Message, Code: problem.Code})
	return fmt.Appendf(nil, "%.48s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(body), body)
}
