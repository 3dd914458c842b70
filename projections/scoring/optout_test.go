package scoring_test

import (
	"strings"
	"testing"
	"unicode/utf8"

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
		"stp", "Sotp", "ALTO", "No más", "cease all communication", "please end all contact with us", "Received this in error, please remove me from your list",
		"Please unsubscribe, reply to confirm", "Loved the house. Now stop texting me", "stop sending me houses, just stop", "stop sending condos", `I said "stop"` + "\nSTOP",
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
		"stop sending condos, only houses", "Please stop sending me condos, we only want houses", "quit sending townhomes, send houses instead",
		"cancel tomorrow", "end of the month works", "Is the house off the market?", "we need to remove the carpet", "did the rain stop?",
		"Yes, 5 works. If you received this message in error please notify the sender and delete this email.",
		"See you then.\nIf you are not the intended recipient, delete this email from your system.",
		"Great house!\nTo unsubscribe from this list click here", "Thanks!\nIf you no longer wish to receive these emails, click here to unsubscribe.",
		"I am out of the office. Reply STOP to opt out.", "Liked “Thanks for getting in touch! Reply STOP to opt out.”", "Disliked “Reply STOP to opt out.”",
		"👍 to “See you at 5. Reply STOP to opt out.”", "Reacted 👍🏽 to “Reply STOP to opt out.”", "Removed a like from “Reply STOP to opt out.”", `Laughed at "Text STOP to end"`,
	} {
		if got := scoring.ReadText(message).Intent; got == scoring.OptOut {
			t.Errorf("%q is read as an opt-out", message)
		}
	}
}

// TestLongMessages: the end of a long message is read too, in whole sentences,
// and no more of it than is promised.
func TestLongMessages(t *testing.T) {
	story := strings.Repeat("Nobody called back and the house was gone. ", 60)
	for message, want := range map[string]string{
		story + "Please take me off your list.":                                                   scoring.OptOut,
		story + "I can't " + strings.Repeat("really ", 50) + "stop texting you about the kitchen": scoring.Complaint,
		strings.Repeat("love this house ", 400):                                                   scoring.Interested,
		strings.Repeat("é", 1200):                                                                 scoring.Other,
	} {
		if got := scoring.ReadText(message).Intent; got != want {
			t.Errorf("%.30q … %q is %s, want %s", message, message[len(message)-40:], got, want)
		}
		if n := utf8.RuneCountInString(scoring.Normalise(message)); n > 1000 {
			t.Errorf("%d characters of %.30q are read", n, message)
		}
	}
}

// TestReactions: a reaction to our message says what it says, not what it quotes.
func TestReactions(t *testing.T) {
	for message, want := range map[string]string{
		"Liked “Your tour is on Friday. Reply STOP to opt out.”": scoring.Confirm,
		"👍 to “Are you still interested?”":                       scoring.Confirm,
		"Questioned “We lowered the price”":                      scoring.Other,
		`Loved the kitchen, it is "the one"`:                     scoring.Feedback,
	} {
		if got := scoring.ReadText(message).Intent; got != want {
			t.Errorf("%q is %s, want %s", message, got, want)
		}
	}
}
