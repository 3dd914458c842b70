package export

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

// Draft is a line of the dataset events, as JSONL with personal data, as the
// draft that it was: appended to an empty ledger in order, the lines make one
// with the same keys and bodies. One whose body was erased has none. Times are
// to the microsecond.
func Draft(line []byte) (ledger.Draft, error) {
	var row struct {
		Kind, Key, Scheme, Dialect, Cause string
		Contact                           string `json:"contact_id"`
		Location                          string `json:"location_id"`
		KeyName                           string `json:"key_name"`
		Hint                              string `json:"type_hint"`
		Through                           uint64
		Conflict, Backfill                bool
		Recorded                          time.Time  `json:"recorded_at"`
		Arrived                           time.Time  `json:"arrived_at"`
		Occurred                          *time.Time `json:"occurred_at"`
		Body                              string
		Encoding                          string `json:"body_encoding"`
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return ledger.Draft{}, fmt.Errorf("a line of events: %w", err)
	}
	d := ledger.Draft{Kind: row.Kind, Key: row.Key, Subject: row.Contact, Location: row.Location, Body: []byte(row.Body),
		Meta: ledger.Meta{Scheme: row.Scheme, Dialect: row.Dialect, KeyName: row.KeyName, Type: row.Hint,
			Through: ledger.Seq(row.Through), Conflict: row.Conflict, Backfill: row.Backfill}}
	var err error
	if row.Encoding == "base64" {
		d.Body, err = base64.StdEncoding.DecodeString(row.Body)
	}
	if row.Occurred != nil {
		d.Occurred = *row.Occurred
	}
	if !row.Arrived.Equal(row.Recorded) {
		d.Meta.Arrived = row.Arrived
	}
	if err == nil && row.Cause != "" {
		d.Cause, err = ledger.ParseID(row.Cause)
	}
	return d, err
}
