package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// request is one request of a signed-in person.
type request struct {
	*http.Request
	c *console
	s *session // nil before signing in
}

// problem is what the API answered to what it could not do.
type problem struct {
	Status  int    `json:"-"`
	Short   string `json:"error"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (p *problem) Error() string { return p.Short + ": " + p.Message }

func statusOf(err error) int {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status
	}
	return http.StatusInternalServerError
}

// id returns a segment of the path, as it was meant.
func (q *request) id(name string) string {
	v := q.PathValue(name)
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// apiPath joins segments, each escaped, to a path of the API.
func apiPath(segments ...string) string {
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "/api/v1/" + strings.Join(segments, "/")
}

// get asks the API and decodes its answer into out, where that is not nil.
func (q *request) get(path string, values url.Values, out any) error {
	return q.call(http.MethodGet, path, values, nil, out)
}

// post has the API do something.
func (q *request) post(path string, in, out any) error {
	return q.call(http.MethodPost, path, nil, in, out)
}

func (q *request) call(method, path string, values url.Values, in, out any) error {
	r, err := q.toAPI(method, path, values, in)
	if err != nil {
		return err
	}
	a := &answer{header: http.Header{}}
	q.c.API.ServeHTTP(a, r)
	if a.status >= 400 {
		if a.status == http.StatusServiceUnavailable && out != nil {
			_ = json.Unmarshal(a.body.Bytes(), out) // readyz says why; others say it as a problem
		}
		return problemOf(*a)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// toAPI is the request to the API, with the token of whoever signed in.
func (q *request) toAPI(method, path string, values url.Values, in any) (*http.Request, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	target := &url.URL{Scheme: "http", Host: "console", Opaque: ""}
	target, err := target.Parse(path)
	if err != nil {
		return nil, err
	}
	target.RawQuery = values.Encode()
	r, err := http.NewRequestWithContext(q.Context(), method, target.String(), &body)
	if err != nil {
		return nil, err
	}
	r.RemoteAddr, r.RequestURI = q.RemoteAddr, target.RequestURI()
	r.Header.Set("Authorization", "Bearer "+q.s.token)
	r.Header.Set("Content-Type", "application/json")
	if forwarded := q.Header.Values("X-Forwarded-For"); len(forwarded) > 0 {
		r.Header["X-Forwarded-For"] = forwarded
	}
	return r, nil
}

// answer keeps what the API answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// problemOf is a refusal in the API's words.
func problemOf(a answer) *problem {
	p := &problem{Status: a.status}
	if json.Unmarshal(a.body.Bytes(), p) != nil || p.Short == "" {
		p.Short, p.Message = fmt.Sprint("HTTP ", a.status), "The service gave no reason."
	}
	return p
}

// file passes an answer on as a file of that name. A refusal is no file: it is
// kept, for a page to say it.
type file struct {
	http.ResponseWriter
	name string
	said answer
}

func (f *file) refused() bool { return f.said.status >= 400 }

// WriteHeader implements http.ResponseWriter.
func (f *file) WriteHeader(status int) {
	if f.said.status != 0 {
		return
	}
	if f.said.status = status; f.refused() {
		return
	}
	f.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote(f.name))
	f.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	if f.WriteHeader(http.StatusOK); f.refused() {
		return f.said.body.Write(p)
	}
	return f.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (f *file) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// through passes what the API answers on to the browser as it comes.
func (q *request) through(w http.ResponseWriter, path string, values url.Values) {
	r, err := q.toAPI(http.MethodGet, path, values, nil)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if last := q.Header.Get("Last-Event-ID"); last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	q.c.API.ServeHTTP(w, r)
}

// head returns the first lines of a long answer, and reads no more of it.
func (q *request) head(path string, values url.Values, lines int) (string, error) {
	ctx, stop := context.WithCancel(q.Context())
	defer stop()
	r, err := q.toAPI(http.MethodGet, path, values, nil)
	if err != nil {
		return "", err
	}
	a := &beginning{answer: answer{header: http.Header{}}, lines: lines, enough: stop}
	whole := a.take(q.c.API, r.WithContext(ctx))
	switch {
	case a.status >= 400:
		return "", problemOf(a.answer)
	case !whole && a.lines > 0:
		return "", &problem{Status: http.StatusInternalServerError, Short: "Cut off", Message: "The service could not go on; its log has the cause."}
	}
	return a.body.String(), nil
}

// beginning keeps the first lines of an answer and then has no need of more.
type beginning struct {
	answer
	lines  int
	enough func()
}

// take has api answer r, and reports whether it came to its end. One that must
// stop in its midst, because enough was read or for a fault, aborts: elsewhere
// that cuts the connection, and here it would cut the page's.
func (b *beginning) take(api http.Handler, r *http.Request) (whole bool) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		}
	}()
	api.ServeHTTP(b, r)
	return true
}

// errEnough tells whoever writes that nobody reads on.
var errEnough = errors.New("console: enough was read")

func (b *beginning) Write(p []byte) (int, error) {
	for i, c := range p {
		if c != '\n' || b.status >= 400 {
			continue
		}
		if b.lines--; b.lines == 0 {
			_, _ = b.answer.Write(p[:i]) // into memory
			b.enough()
			return i, errEnough
		}
	}
	if b.lines <= 0 && b.status < 400 {
		return 0, errEnough
	}
	return b.answer.Write(p)
}
