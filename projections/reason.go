package projections

import (
	"slices"
	"strings"
	"unicode"
)

// The categories of a lost deal's reason.
const (
	LostToAgent      = "other_agent"
	LostPrice        = "price"
	LostFinancing    = "financing"
	LostTiming       = "timing"
	LostUnresponsive = "unresponsive"
	LostProperty     = "property"
	LostOther        = "other"
)

// LostReasons are the categories, in the order in which a reason is held
// against them.
var LostReasons = []string{LostToAgent, LostFinancing, LostPrice, LostUnresponsive, LostTiming, LostProperty, LostOther}

// reasonWords are beginnings of words that give a reason away. The first category
// that has one wins: "lost to another agent over the price" is the agent's.
var reasonWords = map[string][]string{
	LostToAgent: {"agent", "agency", "realtor", "broker", "competitor", "competition", "someone else", "somebody else",
		"elsewhere", "other company", "another company", "went with"},
	LostFinancing: {"financ", "mortgage", "loan", "lender", "credit", "down payment", "preapprov", "pre-approv",
		"not approved", "denied", "qualif", "funding"},
	LostPrice: {"price", "pricing", "expensive", "overpriced", "afford", "too high", "budget", "cost", "outbid", "out bid", "overbid", "bidding", "offer", "commission", "fees"},
	LostUnresponsive: {"respon", "unrespon", "unreach", "no answer", "answering", "no reply", "not reply", "replying", "ghost", "no contact", "lost contact",
		"no show", "no-show", "noshow", "went cold", "went quiet", "silent", "disappeared", "voicemail", "bad number", "wrong number", "invalid"},
	LostTiming: {"timing", "timeline", "time frame", "timeframe", "not ready", "not now", "too soon", "too early", "too late", "later",
		"postpone", "delay", "on hold", "next year", "next month", "waiting", "changed mind", "changed their mind",
		"change of plans", "changed plans", "no longer", "not interested", "staying", "lease", "job", "divorce", "not buying", "not selling", "decided not"},
	LostProperty: {"property", "house", "home", "listing", "inspection", "apprais", "condition", "repair", "size", "too small",
		"too big", "too large", "layout", "floor plan", "neighbo", "location", "school", "commute", "off market", "off the market",
		"inventory", "under contract", "already sold", "title", "hoa", "yard", "bedroom"},
}

// ReasonCategory sorts a lost deal's reason, in anybody's words, into one of
// LostReasons. One that says nothing known, or nothing, is LostOther.
func ReasonCategory(reason string) string {
	reason = " " + strings.Join(strings.FieldsFunc(strings.ToLower(reason), notInWord), " ")
	for _, category := range LostReasons {
		if slices.ContainsFunc(reasonWords[category], func(word string) bool { return strings.Contains(reason, " "+word) }) {
			return category
		}
	}
	return LostOther
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' }
