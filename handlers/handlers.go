// Package handlers is the front door. The public side takes deliveries of
// GoHighLevel and writes them into the ledger before it answers 200; the admin
// side reads the ledger and the views out, and lets people act. Both know
// nothing that the ledger does not: there is no state here but counters, rate
// limits and what runs at the moment.
//
// routes.go has the whole surface on one screen, respond.go the one table from
// error to status.
package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
)

// Version is what GET /webhooks/ghl/verify says: the version of the seed's
// guide that the webhooks keep to.
const Version = "4.0.0"

// Log is what the front door needs of a ledger.
type Log interface {
	ledger.Appender
	ledger.Reader
}

// Deps is what the handlers are built of. Log, Keys and Admin tokens are
// required; what is nil is answered with 501 and code not_configured, a nil
// Now is time.Now, a nil Logger discards.
type Deps struct {
	Log    Log
	Now    func() time.Time
	Logger *slog.Logger

	Keys           func() ghl.Keys // asked for each delivery, so that keys are replaced without a restart
	AppID          string          // a body signed by GoHighLevel must name it
	Locations      []string        // served; a body that names none belongs to the first; none: all are served
	MaxBody        int64           // bytes of a webhook, at most MaxWebhook; 0 is 1 MiB
	MaxAge         time.Duration   // of bodies signed by GoHighLevel, by the time inside; 0 is no limit
	Rate           Rate            // webhooks per sender address; a location may have four times that, which its addresses share evenly when it does not suffice
	TrustedProxies []netip.Prefix  // whose X-Forwarded-For is believed

	AdminToken, AnalystToken string

	Shared *Shared // what this service's other doors have too; nil: there is no other

	// Unready returns why nothing can be appended, one cause a line; empty when
	// it can. Warnings do not make the service unready.
	Unready func(ctx context.Context) (causes, warnings []string)
	// Draining: the service is about to end. Streams end and readiness says so;
	// a webhook that came in is still taken, for as long as the ledger takes it.
	Draining func() bool

	Health      Health // nil: counted from the ledger
	Leads       projections.LeadsView
	Effects     outbox.PendingView
	Mode        outbox.Mode                // what becomes of effects; Live where empty
	Acts        outbox.Acts                // what people do to effects
	Tasks       *outbox.Tasks              // many effects at once
	HasKey      func(location string) bool // whether GoHighLevel can be called for it; nil: always
	Resting     func() []outbox.Break      // locations that GoHighLevel does not answer for; may be nil
	Outcomes    projections.OutcomesView
	Metrics     projections.MetricsView
	Projections Projections // the views' runner
	Rescorer    Rescorer
	Learning    *learning.Loop   // which model serves
	Forget      Forgetter        // destroys a contact's personal data
	Reconciles  Reconciles       // read back from GoHighLevel
	Backup      Backuper         // a hot copy
	Storage     func() any       // more for GET ledger, by the backend; may be nil
	Export      *export.Exporter // datasets for analysts

	// Verify checks every entry, for GET ledger?verify=true; may be nil.
	Verify func(ctx context.Context) (any, error)

	Size         func() int64 // bytes of the ledger on the disk; may be nil
	Alert        func(kind, text string)
	Alerts       func() []Raised     // since the start, the newest first; may be nil
	NewestBackup func() time.Time    // verified; zero if there is none; may be nil
	MoreMetrics  []func(w io.Writer) // written at the end of GET /metrics
	Console      http.Handler        // served under /console; may be nil
}

// Rate is how many per period; the zero Rate is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

// Caller is who acts: the role of the token, and the id of the request. It is
// what an audit entry names.
type Caller struct {
	Role      string `json:"role"`
	RequestID string `json:"request_id"`
}

// Raised is what the operators were alerted of, and how often.
type Raised struct {
	Group    string    `json:"group"` // what is alerted as one
	Severity string    `json:"severity"`
	Title    string    `json:"title"`
	Text     string    `json:"text"` // of the newest
	Count    int       `json:"count"`
	First    time.Time `json:"first_at"`
	Last     time.Time `json:"last_at"`
}

// Forgetter destroys contacts' personal data everywhere.
type Forgetter interface {
	// Forget has say append the entries that ask for it, before or after a readmission,
	// so that a restart finishes what is cut off, and returns when nothing is left of
	// the leads that say returned.
	Forget(ctx context.Context, say func(context.Context) ([]projections.Lead, error)) error
	// Readmit has what comes about a contact kept again, once all that was asked for
	// before is destroyed. Then say, which is told whether it was forgotten, appends
	// the entry that says so.
	Readmit(ctx context.Context, contact string, say func(ctx context.Context, was bool) error) error
}

// Health is how the webhooks of the last hour fared.
type Health interface {
	Health(ctx context.Context, now time.Time) (LastHour, error)
}

// LastHour counts the webhooks of one hour by arrival. One has failed if it was
// quarantined, parked in a view, or has a dead effect.
type LastHour struct {
	Events, Failed int
	Scored         int           // those with a lead.scored
	Processing     time.Duration // summed over Scored: arrival to lead.scored
}

func (d Deps) withDefaults() Deps {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.MaxBody == 0 {
		d.MaxBody = 1 << 20
	}
	if d.Shared == nil {
		d.Shared = NewShared(d.Log)
	}
	if d.Draining == nil {
		d.Draining = func() bool { return false }
	}
	if d.Unready == nil {
		d.Unready = func(context.Context) ([]string, []string) { return nil, nil }
	}
	if d.Alert == nil {
		d.Alert = func(string, string) {}
	}
	if d.Health == nil {
		d.Health = newHourCounter(d.Log)
	}
	return d
}

// defaultLocation is where a body belongs that names none.
func (d Deps) defaultLocation() string {
	if len(d.Locations) == 0 {
		return ""
	}
	return d.Locations[0]
}
