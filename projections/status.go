package projections

import (
	"context"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
)

func (v *view) status() Status {
	g, head := v.serving.Load(), v.head()
	s := Status{
		Name: v.p.Name(), Version: g.version, Generation: g.generation,
		Seq: uint64(g.cursor().Seq), Head: uint64(head), Parked: int(g.parked.Load()),
	}
	if head > g.cursor().Seq {
		s.LagEvents = uint64(head - g.cursor().Seq)
		s.LagSeconds = v.ageAfter(g.cursor()).Seconds()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.building != nil {
		s.Rebuild = v.progress.at(v.o.Now(), v.building.cursor().Seq, head)
		s.Rebuild.Preview, s.Rebuild.Ready = v.building.held, v.ready
	}
	if v.fault != nil {
		s.Err = v.fault.Error()
	}
	s.State = v.state()
	return s
}

func (v *view) state() State {
	switch {
	case v.fault != nil:
		return Halted
	case v.building != nil && !v.ready:
		return Rebuilding
	case !v.caught:
		return Starting
	}
	return Live
}

func (v *view) head() ledger.Seq {
	head, err := v.log.Head(context.Background())
	if err != nil {
		return 0 // closed: what the view has is all there is to say
	}
	return head.Seq
}

// ageAfter returns how old the first entry after the cursor is.
func (v *view) ageAfter(c ledger.Cursor) time.Duration {
	for e, err := range v.log.Read(context.Background(), c) {
		if err != nil {
			break
		}
		return max(0, v.o.Now().Sub(e.Recorded))
	}
	return 0
}

// at says how far a build has come that stands at seq.
func (p progress) at(now time.Time, seq, head ledger.Seq) *Rebuild {
	r := &Rebuild{Seq: uint64(seq), Target: uint64(head), Percent: 100, Started: p.started}
	if head > 0 {
		r.Percent = min(100, 100*float64(seq)/float64(head))
	}
	elapsed := now.Sub(p.started).Seconds()
	if p.started.IsZero() || elapsed <= 0 || seq <= p.from {
		return r
	}
	r.EventsPerSecond = float64(seq-p.from) / elapsed
	if head > seq {
		r.ETASeconds = float64(head-seq) / r.EventsPerSecond
	}
	return r
}
