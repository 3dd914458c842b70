package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets tests run the program itself: "ghl-ledger" is on their PATH,
// and is this test binary.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ghl-ledger": main})
}
