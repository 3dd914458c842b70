package boltlog_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// TestKeysSucceed: a key file takes the place of an older copy of itself, and
// of no other.
func TestKeysSucceed(t *testing.T) {
	row := func(slots ...byte) (b []byte) {
		for _, s := range slots {
			b = append(b, bytes.Repeat([]byte{s}, 32)...)
		}
		return b
	}
	for what, test := range map[string]struct {
		newer, older []byte
		want         error
	}{
		"the same":              {row(1, 2, 3, 4), row(1, 2, 3, 4), nil},
		"one with more":         {row(1, 2, 3, 4, 5), row(1, 2, 3, 4), nil},
		"one destroyed":         {row(1, 2, 0, 4), row(1, 2, 3, 4), nil},
		"none there":            {row(1, 2, 3, 4), nil, nil},
		"one with fewer":        {row(1, 2, 3), row(1, 2, 3, 4), boltlog.ErrKeys},
		"another key":           {row(1, 2, 3, 9), row(1, 2, 3, 4), boltlog.ErrKeys},
		"an erased one is back": {row(1, 2, 3, 4), row(1, 2, 0, 4), boltlog.ErrKeys},
		"another secret":        {row(1, 9, 3, 4), row(1, 2, 3, 4), boltlog.ErrKeys},
		"no secret":             {row(1, 0, 3, 4), row(1, 2, 3, 4), boltlog.ErrKeys},
		"one cut off":           {row(1, 2, 3, 4), row(1, 2, 3, 4)[:100], boltlog.ErrKeys},
		"an empty one":          {row(1, 2, 3, 4), []byte{}, boltlog.ErrKeys},
	} {
		newer, older := filepath.Join(t.TempDir(), "newer"), filepath.Join(t.TempDir(), "older")
		err := os.WriteFile(newer, test.newer, 0o600)
		if test.older != nil {
			err = errors.Join(err, os.WriteFile(older, test.older, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := boltlog.KeysSucceed(newer, older); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}
