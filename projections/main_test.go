package projections_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws few cases for each law: every one of them starts and closes
// views on a disk. PROJECTIONS_CHECKS says how many; a hundred take a minute.
func TestMain(m *testing.M) {
	checks := "20"
	if n := os.Getenv("PROJECTIONS_CHECKS"); n != "" {
		checks = n
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
