package outbox

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Group is what many effects have in common: the dead letters of one cause.
type Group struct {
	Error  string    `json:"error"` // without the contact's id
	Kind   string    `json:"kind"`
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// Groups returns the effects of a state, or all, by kind and cause, the
// largest group first.
func (v PendingView) Groups(s EffectState) ([]Group, error) {
	g := groups{}
	err := v.each(Filter{State: s}, g.add)
	return g.sorted(), err
}

type groupKey struct{ kind, cause string }

type groups map[groupKey]*Group

// add takes effects in the order in which they were requested.
func (gs groups) add(r *record) {
	k := groupKey{r.Kind, causeOf(r)}
	g := gs[k]
	if g == nil {
		g = &Group{Error: k.cause, Kind: k.kind, Oldest: r.RequestedAt}
		gs[k] = g
	}
	g.Count++
	g.Newest = r.RequestedAt
}

func (gs groups) sorted() []Group {
	all := make([]Group, 0, len(gs))
	for g := range maps.Values(gs) {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Kind+a.Error, b.Kind+b.Error))
	})
	return all
}

// causeOf is r's error without what is of its contact only, or a thousand
// failures of one cause would be a thousand groups.
func causeOf(r *record) string {
	if r.ContactID == "" {
		return r.Error
	}
	return strings.NewReplacer(url.PathEscape(r.ContactID), ":contact", r.ContactID, ":contact").Replace(r.Error)
}
