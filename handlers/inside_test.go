package handlers

import "github.com/enterprisehub/ghl-ledger/ghl"

// SetParse has bodies read by parse until restore is called: no body is known
// that makes ghl.ParseEvent panic.
func SetParse(parse func([]byte, string) (ghl.Event, error)) (restore func()) {
	was := parseEvent
	parseEvent = parse
	return func() { parseEvent = was }
}
