package scoring

import "strings"

// NameOf says the id of a model in words, with so much of its hash as tells
// two apart: "the built-in points card (version 8945cc0a)".
func NameOf(id string) string {
	kind, hash, _ := strings.Cut(id, ":")
	version := " (version " + hash[:min(len(hash), 8)] + ")"
	switch {
	case id == "":
		return ""
	case id == BuiltIn().ID():
		return "the built-in points card" + version
	case kind == "card":
		return "a points card of your own" + version
	case kind == "model":
		return "a learned model" + version
	}
	return "another model"
}

// BasisInWords says what a confidence is made of.
func BasisInWords(basis string) string {
	switch basis {
	case "evidence_coverage":
		return "how much is known of the lead"
	case "posterior":
		return "how often the learned model is right in this tier"
	}
	return ""
}
