package scoring

// WithChurn returns a model that scores as m does and has c say the risk of
// churn; nil leaves that to m's card. Its id is m's.
func (m *Model) WithChurn(c *Model) *Model {
	both := *m
	both.foretold = c
	return &both
}

// churn replaces the card's estimate of churn. How a lead ended, and that it
// asked for no more messages, is no matter of opinion.
func (m *Model) churn(f *Facts, s *Score) {
	s.ChurnModelID = m.id
	if f.Deleted || f.outcome() != nil {
		return
	}
	byCard, _ := m.card.churn.risk(f)
	p := hundredths(m.Probability(FeaturesOf(*f), ChurnPoints(byCard.float())))
	_, event := f.lastActivity()
	if f.OptedOut {
		p, event = max(p, m.card.churn.optedOut), f.OptedOutBy
	}
	s.ChurnRisk = p.float()
	s.ChurnReasons = []Reason{{Code: "LEARNED", Points: p.float(), Text: "By what we learned from leads that were lost or fell silent", EventID: event}}
}
