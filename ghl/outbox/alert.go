package outbox

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

// silence tells nobody.
type silence struct{}

func (silence) Alert(Alert) {}
