package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/oklog/ulid/v2"
)

// TestExportAsksOnce exports five days into a folder: one request a day. To look
// up an event costs the service more than a day's export does.
func TestExportAsksOnce(t *testing.T) {
	var ids []string
	for day := range 5 {
		var id ulid.ULID
		_ = id.SetTime(ulid.Timestamp(time.Date(2026, 1, 1+day, 9, 0, 0, 0, time.UTC)))
		ids = append(ids, ledger.FormatID(id))
	}
	asked := map[string]int{}
	service := func(w http.ResponseWriter, r *http.Request) {
		what := strings.TrimPrefix(r.URL.Path, "/api/v1/")
		asked[what]++
		switch what {
		case "ledger":
			fmt.Fprintf(w, `{"id":%q}`, ids[4])
		case "events":
			fmt.Fprintf(w, `{"data":[{"id":%q}]}`, ids[0])
		case "export":
			n := asked[what]
			w.Header().Set("Trailer", handlers.SummaryTrailer)
			w.Header().Set(handlers.NextHeader, append(ids, "")[n])
			fmt.Fprintln(w, "{}")
			place := fmt.Sprintf(`{"seq":%d,"id":%q}`, n, ids[n-1])
			w.Header().Set(handlers.SummaryTrailer, fmt.Sprintf(`{"dataset":"events","format":"jsonl","rows":1,"first":%s,"last":%s}`, place, place))
		}
	}
	out := t.TempDir() + "/"
	code, said, errOut := ask(t, service, "export", "--dataset", "events", "--out", out)
	if code != 0 || !strings.Contains(said, "events: 5 rows") {
		t.Fatalf("code %d, %s%s", code, said, errOut)
	}
	if files, _ := filepath.Glob(out + "events/*/*.jsonl"); len(files) != 5 || asked["export"] != 5 || asked["events"] != 1 {
		t.Errorf("%d files with %v requests, want 5 with 5 exports and one look at events", len(files), asked)
	}
}
