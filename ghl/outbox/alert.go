package outbox

import "regexp"

// Severity is how urgent an alert is.
type Severity string

// The severities.
const (
	High   Severity = "high"
	Medium Severity = "medium"
)

// Alert is something that a person should know.
type Alert struct {
	Severity Severity
	Group    string // alerts of one group are one matter
	Title    string
	Text     string
	Count    int // how many were grouped; 0 is one
}

// Alerter tells people. Alert must not wait: the courier calls it in passing.
type Alerter interface {
	Alert(Alert)
}

// words are GoHighLevel's own after a status.
var words = regexp.MustCompile(`(?s)(HTTP \d{3}): .*`)

// quiet is what of an error may be logged, or told to operators far away:
// without GoHighLevel's words, which may repeat the contact that it was sent.
// They stand in the receipt, for those who may read it.
func quiet(text string) string { return words.ReplaceAllString(text, "$1") }

// silence tells nobody.
type silence struct{}

func (silence) Alert(Alert) {}
