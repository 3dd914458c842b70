package training

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Markdown is the card for people to read. What is not known of a model that
// was trained elsewhere, or not tried yet, is left out.
func (c ModelCard) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Model %s: %s\n\n%s; foretells who is %s; features %s.\n", c.ModelID, c.verdict(), c.Kind, c.Target, c.FeatureSet)
	if !c.Unknown() {
		fmt.Fprintf(&b, "\nTrained %s on %d rows of %d leads (%d %s), %s to %s.\n", day(c.TrainedAt), c.Rows, c.Leads, c.Won, c.came(), day(c.From), day(c.To))
	}
	if c.HeldLeads > 0 {
		c.tried(&b)
	}
	if len(c.Weights) > 0 {
		b.WriteString("\n## Weights, in points for a standard deviation\n\n")
	}
	for _, w := range c.Weights {
		fmt.Fprintf(&b, "- %s %+.1f\n", w.Name, w.Points)
	}
	b.WriteString("\n## Known limits\n\n")
	for _, l := range c.Limits {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	return b.String()
}

// verdict says what the gate said.
func (c ModelCard) verdict() string {
	switch {
	case len(c.Checks) == 0:
		return "not tried at the gate"
	case c.Promote:
		return "the gate lets it serve"
	}
	return "the gate is closed"
}

// came is what became of a lead of which the target came true.
func (c ModelCard) came() string {
	if c.Target == Churn.String() {
		return Churn.came()
	}
	return Win.came()
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// tried says how the model did on leads that it was not trained on.
func (c ModelCard) tried(b *strings.Builder) {
	fmt.Fprintf(b, "\nTried on %d leads (%d %s).\n\n", c.HeldLeads, c.HeldWon, c.came())
	fmt.Fprintf(b, "| | this model | calibrated points | serving |\n|---|---|---|---|\n| AUC | %.3f (%.3f to %.3f) | %.3f | %.3f |\n| log loss | %.4f | %.4f | %.4f |\n\n",
		c.AUC, c.AUCLow, c.AUCHigh, c.Points.AUC, c.Serving.AUC, c.LogLoss, c.Points.LogLoss, c.Serving.LogLoss)
	fmt.Fprintf(b, "Brier %.4f, ECE %.4f, slope %.2f; the highest tenth has %.1f times as many %s as an average one, %.0f %% of all.\n\n## The gate\n\n",
		c.Brier, c.ECE, c.Slope, c.Lift, c.came(), 100*c.Capture)
	mark := map[bool]string{true: "x", false: " "}
	for _, k := range c.Checks {
		fmt.Fprintf(b, "- [%s] %s: %s (want %s)\n", mark[k.OK], k.Name, k.Got, k.Want)
	}
	b.WriteString("\n## Said and seen\n\n| predicted | seen | rows |\n|---|---|---|\n")
	for _, bin := range c.Bins {
		fmt.Fprintf(b, "| %.3f | %.3f | %d |\n", bin.Predicted, bin.Seen, bin.Rows)
	}
	b.WriteString("\n## Tiers and sources\n\n| | rows | predicted | seen | log loss |\n|---|---|---|---|---|\n")
	for _, s := range slices.Concat(c.Tiers, c.Slices) {
		fmt.Fprintf(b, "| %s | %d | %.3f | %.3f | %.4f |\n", s.Name, s.Rows, s.Predicted, s.Seen, s.LogLoss)
	}
}
