package boltlog_test

import (
	"os"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"go.uber.org/goleak"
)

// TestMain lets tests start this binary as a server or client to be killed.
func TestMain(m *testing.M) {
	if code, has := played(); has {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	logtest.Run(t, func(t *testing.T, now func() time.Time) ledger.Log {
		return open(t, t.TempDir(), boltlog.Options{Now: now})
	})
}

func open(t testing.TB, dir string, o boltlog.Options) *boltlog.Log {
	t.Helper()
	l, err := boltlog.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
