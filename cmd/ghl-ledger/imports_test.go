package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/enterprisehub/ghl-ledger/"

// rooms says which of our own packages, and which modules beside the standard
// library, each room may import. A room that is not here may not exist.
var rooms = map[string]struct{ ours, others []string }{
	"ledger":         {nil, []string{"github.com/oklog/ulid/v2"}},
	"ledger/boltlog": {[]string{"ledger"}, []string{"github.com/oklog/ulid/v2", "go.etcd.io/bbolt", "github.com/klauspost/compress", "golang.org/x/crypto", "golang.org/x/sys"}},
	"ledger/memlog":  {[]string{"ledger"}, []string{"github.com/oklog/ulid/v2"}},
	"ledger/logtest": {[]string{"ledger"}, []string{"github.com/oklog/ulid/v2", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/go-cmp"}},

	"ghl":         {nil, []string{"github.com/go-json-experiment/json"}},
	"ghl/ghlapi":  {[]string{"ghl"}, []string{"github.com/hashicorp/go-retryablehttp", "github.com/VictoriaMetrics/metrics", "golang.org/x/time"}},
	"ghl/ghltest": {[]string{"ghl"}, []string{"golang.org/x/time"}},
	"ghl/outbox":  {[]string{"ledger", "ghl", "projections", "projections/scoring"}, []string{"github.com/oklog/ulid/v2", "go.etcd.io/bbolt", "golang.org/x/sync"}},

	"projections":          {[]string{"ledger", "ghl", "projections/scoring"}, []string{"github.com/oklog/ulid/v2", "go.etcd.io/bbolt", "golang.org/x/sync", "golang.org/x/sys"}},
	"projections/scoring":  {[]string{"ghl"}, []string{"github.com/jonreiter/govader", "golang.org/x/text"}},
	"projections/training": {[]string{"ledger", "ghl", "projections", "projections/scoring"}, []string{"github.com/oklog/ulid/v2"}},
	"projections/learning": {[]string{"ledger", "projections", "projections/scoring", "projections/training"}, []string{"github.com/oklog/ulid/v2", "golang.org/x/sync"}},
	"projections/export":   {[]string{"ledger", "ghl", "projections", "projections/scoring", "projections/training"}, []string{"github.com/oklog/ulid/v2", "github.com/parquet-go/parquet-go", "golang.org/x/sync"}},

	"handlers": {
		[]string{"ledger", "ghl", "projections", "projections/scoring", "projections/learning", "projections/export", "ghl/outbox", "handlers/console"},
		[]string{"github.com/oklog/ulid/v2", "github.com/julienschmidt/httprouter", "github.com/VictoriaMetrics/metrics", "go.etcd.io/bbolt", "golang.org/x/time", "golang.org/x/net"},
	},
	"handlers/console": {
		[]string{"ledger", "ghl", "projections", "projections/scoring", "projections/export", "ghl/outbox"},
		[]string{"github.com/oklog/ulid/v2", "github.com/julienschmidt/httprouter", "github.com/go-analyze/charts"},
	},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// TestImports keeps the house's rule of who may import whom: a fold cannot
// call out, a word cannot touch the wire, and only this package knows which
// ledger and which client are in use.
func TestImports(t *testing.T) {
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "cmd/") {
			continue
		}
		may, ok := rooms[room]
		if !ok {
			t.Errorf("%s is no room of the house: give it a line in rooms, or move its code", room)
			continue
		}
		for _, path := range p.Imports {
			if !allowed(path, may.ours, may.others) {
				t.Errorf("%s imports %s, which it may not", room, path)
			}
		}
		// Export folds nothing; parquet-go brings net/http with it.
		if strings.HasPrefix(room, "projections") && room != "projections/export" && slices.Contains(p.Deps, "net/http") {
			t.Errorf("%s reaches net/http: a fold could call out", room)
		}
	}
}

func allowed(path string, ours, others []string) bool {
	if rest, ok := strings.CutPrefix(path, module); ok {
		return slices.Contains(ours, rest)
	}
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(others, func(o string) bool { return path == o || strings.HasPrefix(path, o+"/") })
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		list = append(list, p)
	}
}
