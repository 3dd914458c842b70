// Package ghltest is a GoHighLevel for tests, demo and sandbox: the part of
// its API that this service calls, with its tokens, limits and refusals.
//
// It keeps everything in memory: what it was asked (Calls), what it did that
// must not be done twice (Deeds), and what it holds (Contact). It fails as it
// is told to (Fault): with a status, late, or by cutting the connection before
// or after the call was taken. Its shapes are those of HighLevel's published
// OpenAPI documents; what those leave open is as integrators report it.
//
// A Server is an http.Handler. Where there is no network, in a synctest bubble
// above all, Transport reaches it in-process, cuts included. Beside the API it
// answers under /sandbox, for curl (see admin.go).
package ghltest

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// Options of a Server. The zero value is a GoHighLevel that takes any token,
// has any location and contact that it is asked about, and limits like the
// real one.
type Options struct {
	Now       func() time.Time // time.Now where nil
	Token     string           // taken for every location; any where empty and no Location has its own
	Locations []Location       // any location, as it is named, where empty
	Strict    bool             // a contact that nobody created is not found; else it is created when named
	Limit     Limit
	Webhook   Webhook
	OnCall    func(Call) // called after each call, one at a time
	Seed      uint64     // of the faults' chance
}

// Location is one sub-account.
type Location struct {
	ID            string
	Token         string           // besides Options.Token
	Fields        []ghl.Definition // ghl.OurFields where nil; ids are given where empty
	Contacts      []Contact
	Opportunities []Opportunity
	Pipelines     []Pipeline
	LostReasons   []Named
	Calendars     []Named
	Workflows     []Named
}

// Named is something that has only an id and a name.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Pipeline is the way of an opportunity.
type Pipeline struct {
	Named
	Stages []Named `json:"stages"`
}

// Limit is how many calls a location may make. Zero values are GoHighLevel's:
// 100 in any 10 s, 200,000 a day. Less than zero is no limit.
type Limit struct {
	N     int
	Per   time.Duration
	Daily int
}

func (l Limit) withDefaults() Limit {
	if l.N == 0 {
		l.N = 100
	}
	if l.Per <= 0 {
		l.Per = 10 * time.Second
	}
	if l.Daily == 0 {
		l.Daily = 200_000
	}
	return l
}

// Webhook is where a contact's changes come back, as GoHighLevel sends its own
// updates back to whoever made them.
type Webhook struct {
	URL      string             // delivered by POST, again where it is refused
	To       func(Delivery)     // or handed over, in a goroutine of its own
	Client   *http.Client       // of URL; http.DefaultClient where nil
	Secret   string             // the seed's dialect, signed by HMAC
	Key      ed25519.PrivateKey // GoHighLevel's own dialect and signature, where set
	AppID    string             // with Key
	Messages bool               // messages that were sent come back too
}

// Server is a GoHighLevel. Its methods are safe for concurrent use.
type Server struct {
	o    Options
	api  *http.ServeMux
	desk *http.ServeMux // of /sandbox

	delivering sync.WaitGroup
	closing    context.Context
	close      context.CancelFunc

	telling sync.Mutex // OnCall is called one at a time, in order

	mu        sync.Mutex
	chance    *rand.Rand
	locations map[string]*location
	contacts  map[string]*Contact
	deleted   map[string]bool
	named     map[string]string // the location that a token named last
	calls     []Call
	deeds     []Deed
	faults    []*fault
	made      int // ids given so far
}

// New returns a server. Close it to end deliveries of webhooks that are under way.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limit = o.Limit.withDefaults()
	s := &Server{
		o: o, chance: rand.New(rand.NewPCG(o.Seed, 0)),
		locations: map[string]*location{}, contacts: map[string]*Contact{}, deleted: map[string]bool{}, named: map[string]string{},
	}
	s.closing, s.close = context.WithCancel(context.Background())
	for _, l := range o.Locations {
		s.settle(l)
	}
	s.api, s.desk = s.routes(), s.deskRoutes()
	return s
}

// Close ends the deliveries of webhooks and waits for them.
func (s *Server) Close() {
	s.close()
	s.delivering.Wait()
}
