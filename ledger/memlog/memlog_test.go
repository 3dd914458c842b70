package memlog_test

import (
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/logtest"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	logtest.Run(t, func(_ *testing.T, now func() time.Time) ledger.Log { return memlog.New(now) })
}
