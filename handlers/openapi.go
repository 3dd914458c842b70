package handlers

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/julienschmidt/httprouter"
)

// openAPI answers with the description of every route: GET /openapi.json. It
// needs no token and says nothing of anybody.
func (a *api) openAPI(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) error {
	writeJSON(w, http.StatusOK, a.document())
	return nil
}

// document describes routes as OpenAPI 3.0 does. What each takes and answers is
// in operations.
func document(routes []Route) schema {
	types := newSchemas()
	problem := types.of(reflect.TypeFor[problemBody]())
	paths := map[string]schema{}
	for _, r := range routes {
		path := pattern.ReplaceAllString(r.Path, "{$1}")
		if paths[path] == nil {
			paths[path] = schema{}
		}
		paths[path][strings.ToLower(r.Method)] = operations[r.Method+" "+r.Path].describe(r, types)
	}
	return schema{
		"openapi": "3.0.3",
		"info": schema{
			"title": "ghl-ledger", "version": "1.0.0", "license": schema{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"description": "GoHighLevel's webhooks come in by the public listener (LEDGER_LISTEN); all else is on the admin listener " +
				"(LEDGER_ADMIN_LISTEN). Lists answer data and next; next is what after takes, null at the end.",
		},
		"servers": []schema{{"url": "/"}},
		"paths":   paths,
		"components": schema{
			"schemas":         types.named,
			"securitySchemes": schema{"token": schema{"type": "http", "scheme": "bearer", "description": "LEDGER_ADMIN_TOKEN, or LEDGER_ANALYST_TOKEN for what only reads."}},
			"responses":       schema{"Problem": schema{"description": "What was wrong, what to do, and a code that stays.", "content": content(jsonType, problem)}},
		},
	}
}

const jsonType = "application/json"

// pattern is a parameter in a route's path.
var pattern = regexp.MustCompile(`[:*]([a-z_]+)`)

// operation is what the document says of a route beside its path and role.
type operation struct {
	about   string
	query   string      // the names of what it takes, blank between; name=a|b has no values but those
	body    any         // of the type that it reads
	answers any         // of the type of its 200
	later   any         // of the type of its 202
	other   map[int]any // of the type of an answer that is no problem and neither of these
	media   string      // where the 200 is not JSON
}

func (o operation) describe(r Route, types *schemas) schema {
	d := schema{"summary": o.about, "operationId": operationID(r), "parameters": o.parameters(r), "responses": o.responses(types)}
	d["tags"] = []string{tagOf(r.Path)}
	if o.body != nil {
		d["requestBody"] = schema{"content": content(jsonType, types.input(o.body))}
	}
	if r.Role != Nobody {
		d["security"] = []schema{{"token": []string{}}}
		d["x-role"] = string(r.Role)
	}
	return d
}

// operationID is the route as one word, for those who generate clients.
func operationID(r Route) string {
	path := r.Path
	if rest, isAPI := strings.CutPrefix(path, apiPath); isAPI {
		path = "_api" + rest
	}
	return strings.ToLower(r.Method) + strings.NewReplacer("/", "_", ":", "by_", "-", "_", ".", "_").Replace(path)
}

// tagOf is what a route is about: leads, effects, …
func tagOf(path string) string {
	rest, isAPI := strings.CutPrefix(path, apiPath+"/")
	if !isAPI {
		rest = strings.TrimPrefix(path, "/")
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func (o operation) parameters(r Route) []schema {
	list := []schema{}
	for _, m := range pattern.FindAllStringSubmatch(r.Path, -1) {
		list = append(list, schema{"name": m[1], "in": "path", "required": true, "schema": schema{"type": "string"}})
	}
	for word := range strings.FieldsSeq(o.query) {
		name, values, isClosed := strings.Cut(word, "=")
		p := schema{"name": name, "in": "query", "schema": schema{"type": "string"}, "description": parameters[name].about}
		switch {
		case isClosed:
			p["schema"] = schema{"type": "string", "enum": strings.Split(values, "|")}
		case parameters[name].of != nil:
			p["schema"] = parameters[name].of
		}
		list = append(list, p)
	}
	return list
}

func (o operation) responses(types *schemas) schema {
	all := schema{"default": schema{"$ref": "#/components/responses/Problem"}}
	switch {
	case o.media != "":
		all["200"] = schema{"description": "OK", "content": content(o.media, schema{"type": "string", "format": "binary"})}
	case o.answers != nil:
		all["200"] = schema{"description": "OK", "content": content(jsonType, types.ofValue(o.answers))}
	}
	if o.later != nil {
		all["202"] = schema{"description": "Accepted: it goes on", "content": content(jsonType, types.ofValue(o.later))}
	}
	for status, v := range o.other {
		all[strconv.Itoa(status)] = schema{"description": http.StatusText(status), "content": content(jsonType, types.ofValue(v))}
	}
	return all
}

func content(media string, of schema) schema { return schema{media: schema{"schema": of}} }
