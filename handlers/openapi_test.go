package handlers_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// pattern is a parameter in a route's path.
var pattern = regexp.MustCompile(`[:*]([a-z_]+)`)

// TestOpenAPI: the document is valid, and has every route with what it answers.
func TestOpenAPI(t *testing.T) {
	text := documentOf(t)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Errorf("openapi.json is not valid: %v", err)
	}
	routes := 0
	for _, r := range handlers.Routes() {
		routes++
		item := doc.Paths.Value(pattern.ReplaceAllString(r.Path, "{$1}"))
		if item == nil || item.GetOperation(r.Method) == nil {
			t.Errorf("%s %s is not in openapi.json", r.Method, r.Path)
			continue
		}
		op := item.GetOperation(r.Method)
		if op.Summary == "" || op.Responses.Value("200") == nil && op.Responses.Value("202") == nil {
			t.Errorf("%s %s: openapi.json does not say what it does or answers: add it to operations", r.Method, r.Path)
		}
		if guarded := op.Security != nil && len(*op.Security) > 0; guarded != (r.Role != handlers.Nobody) {
			t.Errorf("%s %s: asks for a token: %v, its role is %q", r.Method, r.Path, guarded, r.Role)
		}
		for _, p := range op.Parameters {
			if p.Value.In == "query" && p.Value.Description == "" {
				t.Errorf("%s %s: %s is not described: add it to parameters", r.Method, r.Path, p.Value.Name)
			}
		}
	}
	paths := 0
	for _, item := range doc.Paths.Map() {
		paths += len(item.Operations())
	}
	t.Logf("OpenAPI %s: %d routes, %d operations, %d schemas, valid", doc.OpenAPI, routes, paths, len(doc.Components.Schemas))
	if paths != routes {
		t.Errorf("openapi.json has %d operations, there are %d routes", paths, routes)
	}
}

func documentOf(t *testing.T) []byte {
	t.Helper()
	rec := httptest.NewRecorder()
	handlers.Admin(handlers.Deps{}).ServeHTTP(rec, httptest.NewRequest("GET", "/openapi.json", nil))
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("GET /openapi.json: %d %s", rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// judge holds what handlers answer against the document. It is stricter than
// the document: a field that is not in it is a fault too.
type judge struct {
	router routers.Router

	mu     sync.Mutex
	judged int
	seen   map[string]int // answers that were no refusals, by operation
}

var theJudge = sync.OnceValue(func() *judge {
	rec := httptest.NewRecorder()
	handlers.Admin(handlers.Deps{}).ServeHTTP(rec, httptest.NewRequest("GET", "/openapi.json", nil))
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(rec.Body.Bytes())
	if err != nil {
		panic(err)
	}
	for _, s := range doc.Components.Schemas {
		shut(s.Value)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					shut(media.Schema.Value)
				}
			}
		}
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.FileBodyDecoder)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return &judge{router: router, seen: map[string]int{}}
})

// shut refuses what a schema with properties does not name.
func shut(s *openapi3.Schema) {
	if len(s.Properties) == 0 || s.AdditionalProperties.Has != nil {
		return
	}
	no := false
	s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	for _, p := range s.Properties {
		if p.Ref == "" {
			shut(p.Value)
		}
	}
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// conforms reports what of the answer, or of a request that was let through, is
// not as the document has it. A path that the document does not have must be
// refused.
func (j *judge) conforms(req *http.Request, a answer) error {
	route, params, err := j.router.FindRoute(req)
	if err != nil {
		return j.strange(req, a)
	}
	j.note(route.Method+" "+route.Path, a.status)
	in := &openapi3filter.RequestValidationInput{Request: withBody(req), PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return err
		}
		if err := documented(route, req); err != nil {
			return err
		}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
	})
}

func (j *judge) note(operation string, status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.judged++
	if status < 300 {
		j.seen[operation]++
	}
}

// strange is the answer to what no route is for: a problem.
func (j *judge) strange(req *http.Request, a answer) error {
	if a.status >= 400 || strings.HasPrefix(req.URL.Path, "/console") {
		return nil
	}
	return errUndocumented(req.Method + " " + req.URL.Path)
}

type errUndocumented string

func (e errUndocumented) Error() string { return string(e) + " is not in openapi.json" }

// documented wants each parameter of a request that was let through in the
// document.
func documented(route *routers.Route, req *http.Request) error {
	for name := range req.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil {
			return errUndocumented(req.Method + " " + route.Path + "?" + name)
		}
	}
	return nil
}

// withBody is req once more, with its body to be read again.
func withBody(req *http.Request) *http.Request {
	again := req.Clone(context.Background())
	if req.GetBody != nil {
		again.Body, _ = req.GetBody() // of a string
	}
	if again.Header.Get("Content-Type") == "" {
		again.Header.Set("Content-Type", "application/json")
	}
	return again
}
