package handlers

import (
	"cmp"
	"fmt"
	"io"
	"net/http"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/julienschmidt/httprouter"
)

// senderView is what keeps effects from going out, and what waits.
type senderView struct {
	Mode   outbox.Mode   `json:"mode"`   // live, dry-run or off: GHL_EFFECTS
	Paused bool          `json:"paused"` // all locations
	Holds  []outbox.Hold `json:"holds"`  // single ones
	outbox.Stats
	AgeSeconds float64        `json:"oldest_pending_age_seconds"` // 0 when nothing is pending
	Resting    []outbox.Break `json:"resting"`                    // GoHighLevel does not answer there
	Keyless    []string       `json:"keyless"`                    // locations without GHL_API_KEY: what is for them is held
	NoKey      bool           `json:"no_key"`                     // there is none at all
}

// keyless are the locations that nothing can be sent to, and whether all are.
func (d Deps) keyless() (locations []string, all bool) {
	if d.HasKey == nil {
		return nil, false
	}
	for _, location := range d.Locations {
		if !d.HasKey(location) {
			locations = append(locations, location)
		}
	}
	if len(d.Locations) == 0 {
		return nil, !d.HasKey("")
	}
	return locations, len(locations) == len(d.Locations)
}

// sender shows what is paused or held, and how much waits for how long.
func (a *api) sender(*http.Request, httprouter.Params) (any, error) {
	if a.Effects.Views == nil {
		return nil, &notConfigured
	}
	v := senderView{Mode: cmp.Or(a.Mode, outbox.Live), Resting: []outbox.Break{}}
	var err error
	if v.Paused, err = a.Effects.Paused(""); err != nil {
		return nil, err
	}
	if v.Holds, err = a.Effects.Holds(); err != nil {
		return nil, err
	}
	if v.Stats, err = a.Effects.Stats(); err != nil {
		return nil, err
	}
	v.Keyless, v.NoKey = a.keyless()
	v.Keyless = orEmpty(v.Keyless)
	v.Holds, v.Locations = orEmpty(v.Holds), orEmpty(v.Locations)
	v.AgeSeconds = v.Age(a.Now()).Seconds()
	if a.Resting != nil {
		v.Resting = a.Resting()
	}
	return v, nil
}

// effectStates are written even where there are none, or an alert on the dead
// would have nothing to look at until there are some.
var effectStates = []outbox.EffectState{
	outbox.StatePending, outbox.StateDelivered, outbox.StateDead, outbox.StateHeld,
	outbox.StateDryRun, outbox.StateSuperseded, outbox.StateDiscarded,
}

// writeOwedMetrics writes what is owed to GoHighLevel, and since when.
func (a *api) writeOwedMetrics(w io.Writer) {
	if a.Effects.Views == nil {
		return
	}
	s, err := a.Effects.Stats()
	if err != nil {
		return // the view's own metrics say that it halted
	}
	for _, state := range effectStates {
		metrics.WriteGaugeUint64(w, fmt.Sprintf("ghl_ledger_effects{state=%q}", state), uint64(s.States[state]))
	}
	metrics.WriteGaugeFloat64(w, "ghl_ledger_effects_oldest_pending_seconds", s.Age(a.Now()).Seconds())
	metrics.WriteGaugeUint64(w, "ghl_ledger_planned_seq", uint64(s.Place))
	metrics.WriteGaugeUint64(w, "ghl_ledger_events_skipped", uint64(s.Skipped))
	for _, l := range s.Locations {
		label := fmt.Sprintf("{location=%q}", l.Location)
		metrics.WriteGaugeUint64(w, "ghl_ledger_effects_pending"+label, uint64(l.Pending))
		metrics.WriteGaugeUint64(w, "ghl_ledger_location_stopped"+label, oneIf(l.Paused || len(l.Holds) > 0))
	}
	if a.Resting != nil {
		metrics.WriteGaugeUint64(w, "ghl_ledger_locations_resting", uint64(len(a.Resting())))
	}
}
