package scoring

// preferencesIn takes what the sender looks for from a normalised message.
func preferencesIn(text string) Preferences {
	var p Preferences
	return p
}
