package outbox

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// fate is what a refusal means (see the table of fates in the tests).
type fate int

const (
	dead      fate = iota // it will never be taken
	temporary             // it may be taken later
	unknown               // it may have been taken: a person must look
	gone                  // there is no such contact
	shut                  // the location's token is refused
	forbidden             // the token may not make this kind of call
	missing               // the location lacks a custom field
	unsent                // its turn had not come when the service ended
)

// lookupError is a refusal of a question that came before the call: it says
// nothing of the contact.
type lookupError struct{ error }

func (e *lookupError) Unwrap() error { return e.error }

// fateOf returns what err means for a call.
func fateOf(call Call, err error) fate {
	if _, ok := errors.AsType[*ghl.MissingFieldsError](err); ok {
		return missing
	}
	api, ok := errors.AsType[*ghl.APIError](err)
	if !ok && errors.Is(err, context.Canceled) {
		return unsent
	}
	if !ok {
		return repeatable(call, true)
	}
	switch s := api.Status; {
	case s == 401:
		return shut
	case s == 403:
		return forbidden
	case s == 429:
		return temporary
	case s == 0 || s == 408 || s >= 500:
		return repeatable(call, api.Written || s != 0)
	}
	if _, lookup := errors.AsType[*lookupError](err); lookup {
		return temporary
	}
	if api.Status == 404 {
		return gone
	}
	return dead
}

// repeatable is the fate of a call that had no useful answer.
func repeatable(call Call, written bool) fate {
	if call == CallFields || !written {
		return temporary
	}
	return unknown
}

func statusOf(err error) int {
	if api, ok := errors.AsType[*ghl.APIError](err); ok {
		return api.Status
	}
	return 0
}

// Retry is when to try again what failed for a time: the seed's policy.
type Retry struct {
	Max      int           // tries in all; 3 where 0
	Initial  time.Duration // before the second one; 60 s where 0
	Factor   float64       // each wait is longer by it; 2 where 0
	MaxDelay time.Duration // no wait is longer; 3600 s where 0
}

func (p Retry) withDefaults() Retry {
	return Retry{
		Max: cmp.Or(p.Max, 3), Initial: cmp.Or(p.Initial, time.Minute),
		Factor: cmp.Or(p.Factor, 2), MaxDelay: cmp.Or(p.MaxDelay, time.Hour),
	}
}

// Delay is the wait after the try with that number has failed.
func (p Retry) Delay(try int) time.Duration {
	d := float64(p.Initial) * math.Pow(p.Factor, float64(try-1))
	return time.Duration(min(d, float64(p.MaxDelay)))
}

// after is the receipt of a try that failed for a time: another one follows,
// not before GoHighLevel wants it, or it is dead.
func (p Retry) after(r *record, err error, now time.Time) verdict {
	body := Receipt{Attempt: r.attempt(), Error: err.Error()}
	if r.try() >= p.Max {
		body.Status = NeedsInvestigation
		return verdict{Dead, body}
	}
	delay := p.Delay(r.try())
	if api, ok := errors.AsType[*ghl.APIError](err); ok {
		delay = max(delay, min(api.RetryAfter, p.MaxDelay))
	}
	body.Next = now.Add(delay).UTC()
	return verdict{Failed, body}
}
