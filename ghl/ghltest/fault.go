package ghltest

import (
	"fmt"
	"strings"
	"time"
)

// Cut is where a connection breaks.
type Cut string

// The places where a connection may break.
const (
	CutConnect Cut = "connect" // there is no connection; over a real network as CutBefore
	CutBefore  Cut = "before"  // the call arrives and is not taken
	CutAfter   Cut = "after"   // the call is taken, its answer is lost
	CutBody    Cut = "body"    // the answer breaks off in its midst
)

// Fault makes calls fail. Its first fields choose the calls, an empty one
// chooses all; the others say what happens to them.
type Fault struct {
	Method   string
	Path     string // what the path begins with
	Location string
	Contact  string

	Every    int     // only every so manieth of the calls chosen so far
	Fraction float64 // only so many of them, by chance
	Times    int     // and then no more; without end where 0

	Status     int           // the call is not taken and this is the answer
	Message    string        // its words
	RetryAfter time.Duration // its Retry-After
	Cut        Cut
	Latency    time.Duration // the answer comes so much later: the call was taken at once
}

func (f Fault) String() string {
	var parts []string
	if f.Status != 0 {
		parts = append(parts, fmt.Sprint("status ", f.Status))
	}
	if f.Cut != "" {
		parts = append(parts, "cut "+string(f.Cut))
	}
	if f.Latency > 0 {
		parts = append(parts, "late "+f.Latency.String())
	}
	return strings.Join(parts, ", ")
}

type fault struct {
	Fault
	chosen, struck int
}

// Fault plants f. The first planted fault that wants a call has it.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Fault: f})
}

// Heal takes all faults away.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike returns the fault that hits c; the zero Fault if none does.
func (s *Server) strike(c Call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.chooses(c) && s.hits(f) {
			return f.Fault
		}
	}
	return Fault{}
}

func (f Fault) chooses(c Call) bool {
	return (f.Method == "" || f.Method == c.Method) && strings.HasPrefix(c.Path, f.Path) &&
		(f.Location == "" || f.Location == c.Location) && (f.Contact == "" || f.Contact == c.Contact)
}

func (s *Server) hits(f *fault) bool {
	f.chosen++
	switch {
	case f.Times > 0 && f.struck >= f.Times,
		f.Every > 0 && f.chosen%f.Every != 0,
		f.Fraction > 0 && s.chance.Float64() >= f.Fraction:
		return false
	}
	f.struck++
	return true
}
