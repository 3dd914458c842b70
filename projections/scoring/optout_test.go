package scoring_test

import (
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestOptOut: a word to stop stops everything for ever, so it is neither
// missed nor read into what only sounds like one.
func TestOptOut(t *testing.T) {
	for _, message := range []string{
		"STOP", "Stop.", "stop!!", "please stop", "UNSUBSCRIBE", "unsub", "take me off your list", "remove my number", "Remove me from your list please",
		"quit texting me", "stop calling", "don't text me anymore", "please don't contact me again", "I do not wish to be contacted",
		"I don't want to hear from you", "do not want any more of your messages", "no longer want to receive these", "lose this number",
		"enough with the messages", "leave me alone", "Please take us off this list", "I’m blocking you", "opt me out", "delete my info", "cease and desist",
	} {
		if got := scoring.ReadText(message).Intent; got != scoring.OptOut {
			t.Errorf("%q is read as %s, want opt_out", message, got)
		}
	}
	for _, message := range []string{
		"can we stop by tomorrow", "We'll stop in around 5", "I can't stop thinking about that house", "it's near the bus stop",
		"I don't want to be more than 10 minutes from work", "we don't want any more than 500k", "don't want to get outbid again",
		"The second one from your list looks great", "can you drop us off at the house", "could you get us from the airport", "we don't want to hear traffic",
		"we no longer want to be in the city", "the driveway was blocked this morning", "I had to quit my job", "don't stop looking for us", "don't stop sending listings!",
		"cancel tomorrow", "end of the month works", "Is the house off the market?", "we need to remove the carpet", "did the rain stop?",
	} {
		if got := scoring.ReadText(message).Intent; got == scoring.OptOut {
			t.Errorf("%q is read as an opt-out", message)
		}
	}
}
