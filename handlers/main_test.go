package handlers_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/enterprisehub/ghl-ledger/handlers"
)

// TestMain runs the tests and then wants, of each operation of openapi.json, at
// least one answer that was no refusal among those that were held against it:
// one that no test ever asks could say anything.
func TestMain(m *testing.M) {
	code := m.Run()
	if f := flag.Lookup("test.run"); code == 0 && f.Value.String() == "" {
		code = theJudge().verdict()
	}
	os.Exit(code)
}

func (j *judge) verdict() int {
	unasked := []string{}
	for _, r := range handlers.Routes() {
		if name := r.Method + " " + pattern.ReplaceAllString(r.Path, "{$1}"); j.seen[name] == 0 {
			unasked = append(unasked, name)
		}
	}
	if testing.Verbose() {
		fmt.Printf("openapi.json: %d answers held against it, %d of %d operations answered without a refusal\n",
			j.judged, len(handlers.Routes())-len(unasked), len(handlers.Routes()))
	}
	if slices.Sort(unasked); len(unasked) > 0 {
		fmt.Printf("no test sees these answer: %q\n", unasked)
		return 1
	}
	return 0
}
